// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/program/version.h"

#include <fmt/format.h>

#include "conf/program/commit.h"  // generated

namespace detour::program {

std::string_view version() {
    return DETOUR_VERSION;
}

std::string_view commit() {
    return DETOUR_COMMIT;
}

std::string version_line(std::string_view program) {
    return fmt::format("{} {} (commit {})", program, version(), commit());
}

}  // namespace detour::program
