// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour why PREFIX: why the box did what it did, or did not, from its journal alone.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "tools/detour/daemon_reply.h"
#include "tools/detour/verb.h"

namespace detour::command {

Action declare_why(CLI::App& arguments) {
    const auto subject = std::make_shared<std::string>();
    arguments
        .add_option("PREFIX", *subject,
                    "A protected prefix, an address in one, or a prefix set's name")
        ->required()
        ->type_name("");
    return [subject](const Context& context) {
        const Reply reply = client_of(context).get("/v1/why", {{"prefix", *subject}});
        if (!reply)
            return fail(reply.error(), context.output);
        if (context.output == Output::json)
            fmt::print("{}\n", reply->dump(2));
        else
            fmt::print("{}", reply->at("text").get<std::string>());
        return 0;
    };
}

}  // namespace detour::command
