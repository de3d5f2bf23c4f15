// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour move SET --to UPLINK, detour failback SET, detour abort SET: the operator moves a prefix
// set. The box's guard stands all the same: what would hurt is refused, with what is missing.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <memory>

#include "tools/detour/daemon_reply.h"
#include "tools/detour/verb.h"

namespace detour::command {
namespace {

struct Wish {
    std::string set;
    std::string to;
    std::string reason;
    bool is_urgent = false;
};

std::shared_ptr<Wish> declare(CLI::App& arguments) {
    auto wish = std::make_shared<Wish>();
    arguments.add_option("SET", wish->set, "The prefix set")->required()->type_name("");
    arguments.add_option("-r,--reason", wish->reason, "Why; it stands in the journal")->required();
    arguments.footer("Exit status: 0 begun, 2 refused, 3 detourd does not answer.\n");
    return wish;
}

int submit(const Context& context, const char* path, const Wish& wish, const std::string& undo) {
    nlohmann::json body{{"set", wish.set}, {"reason", wish.reason}, {"actor", actor()}};
    if (!wish.to.empty())
        body["to"] = wish.to;
    if (wish.is_urgent)
        body["now"] = true;
    const Reply reply = client_of(context).post(path, body);
    if (!reply)
        return fail(reply.error(), context.output);
    if (context.output == Output::json) {
        fmt::print("{}\n", reply->dump(2));
        return 0;
    }
    fmt::print("begun: {}\nwatch it: detour events -f --set {}\nundo:     {}\n",
               explain(reply->at("why")), wish.set, undo);
    return 0;
}

}  // namespace

Action declare_move(CLI::App& arguments) {
    const auto wish = declare(arguments);
    arguments.add_option("--to", wish->to, "The uplink that is to carry it")
        ->required()
        ->type_name("UPLINK");
    return [wish](const Context& context) {
        return submit(context, "/v1/move", *wish,
                      fmt::format("detour failback {} --reason ...", wish->set));
    };
}

Action declare_failback(CLI::App& arguments) {
    const auto wish = declare(arguments);
    arguments.add_flag("--now", wish->is_urgent,
                       "Without waiting for the stable time; canary and stair still watch");
    return [wish](const Context& context) {
        return submit(context, "/v1/failback", *wish,
                      fmt::format("detour abort {} --reason ...", wish->set));
    };
}

Action declare_abort(CLI::App& arguments) {
    const auto wish = declare(arguments);
    return [wish](const Context& context) {
        return submit(context, "/v1/abort", *wish,
                      fmt::format("detour move {} --to ... --reason ...", wish->set));
    };
}

}  // namespace detour::command
