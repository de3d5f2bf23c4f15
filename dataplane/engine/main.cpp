// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour-dataplane: the fast path of a box. Reads the configuration, builds the box, runs it.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>

#include "conf/model/load.h"
#include "conf/program/options.h"
#include "dataplane/engine/box.h"
#include "dataplane/engine/log.h"

namespace {

using detour::program::ExitCode;

ExitCode fail(const detour::engine::Error& error) {
    detour::engine::say("{}", error.message);
    return error.code;
}

ExitCode run(const detour::program::Options& options) {
    auto config = detour::model::load(options.config_file);
    if (!config) {
        fmt::print(stderr, "{}", detour::model::to_string(config.error()));
        return ExitCode::configuration;
    }
    if (config->dataplane.kind != detour::model::DataplaneKind::dpdk)
        return fail(detour::engine::setup_error(
            "dataplane.kind is kernel: the kernel forwards by itself, do not start this program"));
    auto box = detour::engine::Box::open(std::move(*config), options);
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
