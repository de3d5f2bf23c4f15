// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/supervise/line_splitter.h"

#include <utility>

namespace detour::supervise {

std::vector<std::string> LineSplitter::add(std::string_view bytes) {
    std::vector<std::string> lines;
    for (const char byte : bytes) {
        if (byte != '\n')
            rest_ += byte;
        if (byte == '\n' || rest_.size() == max_line_size)
            lines.push_back(take_rest());
    }
    return lines;
}

std::string LineSplitter::take_rest() {
    return std::exchange(rest_, {});
}

}  // namespace detour::supervise
