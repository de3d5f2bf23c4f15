// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Cuts a stream into lines, so that several children can write to one stderr without mixing within
// a line and each line can say whose it is.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace detour::supervise {

class LineSplitter {
 public:
    // A line longer than this is cut: a child must not make us hold its whole output.
    static constexpr std::size_t max_line_size = 8192;

    // The lines that `bytes` completes, without their ends.
    [[nodiscard]] std::vector<std::string> add(std::string_view bytes);
    // What was not ended by a newline when the stream ended; empty when nothing is left.
    [[nodiscard]] std::string take_rest();

 private:
    std::string rest_;
};

}  // namespace detour::supervise
