// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour-dataplane: the fast path of a box. Reads the configuration, builds the box, runs it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "conf/program/options.h"
#include "dataplane/engine/box.h"
#include "dataplane/engine/log.h"
#include "dataplane/engine/reload.h"

namespace {

using detour::program::ExitCode;

ExitCode fail(const detour::engine::Error& error) {
    detour::engine::say("{}", error.message);
    return error.code;
}

ExitCode run(const detour::program::Options& options) {
    auto choice = detour::engine::first_configuration(options);
    if (!choice) {
        fmt::print(stderr, "{}", choice.error().message);
        return choice.error().code;
    }
    if (!choice->notice.empty())
        detour::engine::say("{}", choice->notice);
    if (choice->config.dataplane.kind != detour::model::DataplaneKind::dpdk)
        return fail(detour::engine::setup_error(
            "dataplane.kind is kernel: the kernel forwards by itself, do not start this program"));
    auto box = detour::engine::Box::open(std::move(*choice), options);
    if (!box)
        return fail(box.error());
    if (auto ended = (*box)->run(); !ended)
        return fail(ended.error());
    return ExitCode::success;
}

}  // namespace

int main(int argc, char** argv) {
    CLI::App app("The data plane: forwards packets as the kernel's routing tables say.",
                 "detour-dataplane");
    detour::program::Options options;
    detour::program::add_options(app, options);
    if (const auto code = detour::program::parse(app, argc, argv))
        return detour::program::to_int(*code);
    return detour::program::to_int(run(options));
}
