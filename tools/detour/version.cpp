// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/program/version.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "tools/detour/verb.h"

namespace detour::command {

Action declare_version(CLI::App&) {
    return [](const Context& context) {
        if (context.output == Output::text)
            fmt::print("{}\n", program::version_line("detour"));
        else
            fmt::print("{}\n", nlohmann::ordered_json{{"schema_version", schema_version},
                                                      {"version", program::version()},
                                                      {"commit", program::commit()}}
                                   .dump());
        return program::to_int(program::ExitCode::success);
    };
}

}  // namespace detour::command
