// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour-traffic: the lab's source and sink of packets, one role a process. The result is the last
// line on standard output, as JSON. SIGINT or SIGTERM ends a role early, with its result.
#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>

#include "tools/lab/garbage.h"
#include "tools/lab/relay.h"
#include "tools/lab/tcp_transfer.h"
#include "tools/lab/udp_stream.h"

namespace {

using namespace detour;

Duration duration_of(const std::string& text) {
    const auto duration = parse_duration(text);
    if (!duration)
        throw CLI::ValidationError(duration.error().message);
    return *duration;
}

// What the command line says, as text; each role takes what it needs.
struct Arguments {
    std::string to;
    std::string from;
    std::string listen;
    std::string duration;
    std::string gap = "20ms";
    std::string report;
    std::uint64_t rate = 0;
    std::uint64_t size = 64;
    std::uint64_t bytes = 0;
    std::uint32_t stream = 1;
    std::string delay = "0";
    std::string jitter = "0";
    lab::RelayOptions relay;
    lab::GarbageOptions garbage;
    std::vector<std::string> targets;
};

std::string source(const Arguments& arguments) {
    lab::SourceOptions options;
    options.to = lab::Endpoint::parse(arguments.to);
    if (!arguments.from.empty())
        options.from = lab::Endpoint::parse(arguments.from);
    options.rate = arguments.rate;
    options.payload_size = arguments.size;
    options.stream = arguments.stream;
    if (!arguments.duration.empty())
        options.duration = duration_of(arguments.duration);
    return lab::run_source(options);
}

std::string sink(const Arguments& arguments) {
    lab::SinkOptions options;
    options.listen = lab::Endpoint::parse(arguments.listen);
    options.stream = arguments.stream;
    options.gap_threshold = duration_of(arguments.gap);
    if (!arguments.report.empty())
        options.report_every = duration_of(arguments.report);
    return lab::run_sink(options);
}

std::string tcp_send(const Arguments& arguments) {
    lab::SendOptions options;
    options.to = lab::Endpoint::parse(arguments.to);
    if (!arguments.from.empty())
        options.from = lab::Endpoint::parse(arguments.from);
    options.size = arguments.bytes;
    options.rate = arguments.rate;
    if (!arguments.duration.empty())
        options.duration = duration_of(arguments.duration);
    return lab::run_tcp_sender(options);
}

std::string relay(const Arguments& arguments) {
    lab::RelayOptions options = arguments.relay;
    options.delay = duration_of(arguments.delay);
    options.jitter = duration_of(arguments.jitter);
    return lab::run_relay(options);
}

std::string garbage(const Arguments& arguments) {
    lab::GarbageOptions options = arguments.garbage;
    options.to = arguments.to;
    options.rate = arguments.rate;
    for (const std::string& target : arguments.targets) {
        const auto address = Address::parse(target);
        if (!address)
            throw CLI::ValidationError(address.error().message);
        options.targets.push_back(*address);
    }
    if (!arguments.duration.empty())
        options.duration = duration_of(arguments.duration);
    return lab::run_garbage(options);
}

}  // namespace

int main(int count, char** values) {
    CLI::App app("The lab's traffic: numbered UDP packets and checked TCP transfers.");
    app.require_subcommand(1);
    Arguments arguments;
    auto* udp_source = app.add_subcommand("source", "send numbered UDP packets");
    auto* udp_sink = app.add_subcommand("sink", "receive and judge them");
    auto* sender = app.add_subcommand("tcp-send", "send a stream whose bytes can be checked");
    auto* receiver = app.add_subcommand("tcp-receive", "check one such stream");
    auto* cable = app.add_subcommand("relay", "be a slow or lossy cable between two interfaces");
    for (auto* role : {udp_source, sender}) {
        role->add_option("--to", arguments.to, "ADDRESS:PORT, [IPV6]:PORT")->required();
        role->add_option("--from", arguments.from, "ADDRESS:PORT to send from");
        role->add_option("--duration", arguments.duration, "how long, such as 5s");
    }
    udp_source->add_option("--rate", arguments.rate, "packets a second")->required();
    udp_source->add_option("--size", arguments.size, "bytes of payload, at least 24");
    sender->add_option("--rate", arguments.rate, "bytes a second (default: no limit)");
    sender->add_option("--bytes", arguments.bytes, "how much (default: until the end)");
    for (auto* role : {udp_source, udp_sink})
        role->add_option("--stream", arguments.stream, "number that tells streams apart");
    for (auto* role : {udp_sink, receiver})
        role->add_option("--listen", arguments.listen, "ADDRESS:PORT")->required();
    udp_sink->add_option("--gap", arguments.gap, "silence that counts as a gap");
    udp_sink->add_option("--report", arguments.report, "print interim lines this often");
    cable->add_option("--left", arguments.relay.left, "interface")->required();
    cable->add_option("--right", arguments.relay.right, "interface")->required();
    cable->add_option("--delay", arguments.delay, "of each frame, each way, such as 20ms");
    cable->add_option("--jitter", arguments.jitter, "at most this much more");
    cable->add_option("--loss", arguments.relay.loss, "share of frames, 0 to 1");
    cable->add_option("--duplicate", arguments.relay.duplicate, "share of frames, 0 to 1");
    auto* flood = app.add_subcommand("garbage", "send frames of 64 octets that nobody asked for");
    flood->add_option("--interface", arguments.garbage.interface, "interface")->required();
    flood->add_option("--to", arguments.to, "the router's MAC")->required();
    flood->add_option("--target", arguments.targets, "an address of the router; may be repeated");
    flood->add_option("--rate", arguments.rate, "frames a second (default: as fast as it goes)");
    flood->add_option("--duration", arguments.duration, "how long, such as 5s");
    CLI11_PARSE(app, count, values);
    try {
        lab::stop_on_signals();
        std::string result;
        if (udp_source->parsed())
            result = source(arguments);
        else if (udp_sink->parsed())
            result = sink(arguments);
        else if (sender->parsed())
            result = tcp_send(arguments);
        else if (receiver->parsed())
            result = lab::run_tcp_receiver(lab::Endpoint::parse(arguments.listen));
        else if (flood->parsed())
            result = garbage(arguments);
        else
            result = relay(arguments);
        fmt::print("{}\n", result);
        return 0;
    } catch (const std::exception& problem) {
        fmt::print(stderr, "detour-traffic: {}\n", problem.what());
        return 1;
    }
}
