// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/telemetry/report.h"

#include <fmt/format.h>
#include <rte_ethdev.h>

#include <charconv>

#include "conf/program/version.h"

namespace detour::engine {
namespace {

using node::Counters;
using node::Traffic;

std::size_t number(const std::string& text) {
    std::size_t value = 0;
    std::from_chars(text.data(), text.data() + text.size(), value);
    return value;
}

std::uint64_t microseconds(Duration duration) {
    return static_cast<std::uint64_t>(
        std::chrono::duration_cast<std::chrono::microseconds>(duration).count());
}

std::string mac_text(const packet::MacAddress& mac) {
    return fmt::format("{:02x}:{:02x}:{:02x}:{:02x}:{:02x}:{:02x}", mac[0], mac[1], mac[2], mac[3],
                       mac[4], mac[5]);
}

Answer::Object counted(std::string_view reason, std::string_view meaning, std::uint64_t packets) {
    return {
        {"reason", std::string(reason)}, {"meaning", std::string(meaning)}, {"packets", packets}};
}

}  // namespace

template <class Choose>
void Report::add_traffic(Answer::Object& object, Choose choose) const {
    object.emplace_back("in_packets",
                        sum([&](const Counters& c) -> auto& { return choose(c).in.packets; }));
    object.emplace_back("in_bytes",
                        sum([&](const Counters& c) -> auto& { return choose(c).in.bytes; }));
    object.emplace_back("out_packets",
                        sum([&](const Counters& c) -> auto& { return choose(c).out.packets; }));
    object.emplace_back("out_bytes",
                        sum([&](const Counters& c) -> auto& { return choose(c).out.bytes; }));
}

Answer::Object Report::answer(const Question& question) const {
    const std::size_t first = number(question.parameters);
    if (question.command == "/detour/version")
        return {{"version", std::string(program::version())},
                {"commit", std::string(program::commit())},
                {"revision", digest_}};
    if (question.command == "/detour/ports")
        return page(ports(), first);
    if (question.command == "/detour/tunnels")
        return page(tunnels(), first);
    if (question.command == "/detour/drops")
        return page(drops(), first);
    if (question.command == "/detour/punts")
        return page(punts(), first);
    if (question.command == "/detour/tables")
        return tables();
    if (question.command == "/detour/workers")
        return page(workers(), first);
    if (question.command == "/detour/next_hops")
        return page(next_hops(), first);
    if (question.command == "/detour/trace")
        return trace(question.parameters);
    return page(sets(), first);
}

Answer::List Report::ports() const {
    Answer::List list;
    for (std::size_t i = 0; i < ports_.size(); ++i) {
        const Port& port = ports_[i];
        Answer::Object object{{"name", port.name()},
                              {"device", port.device_name().name()},
                              {"vlan", std::uint64_t{port.vlan()}},
                              {"mac", mac_text(port.mac())},
                              {"mtu", std::uint64_t{port.mtu()}},
                              {"link", port.is_up().load() ? "up" : "down"}};
        add_traffic(object, [i](const Counters& c) -> const Traffic& { return c.ports[i]; });
        rte_eth_stats driver{};
        if (port.parent())
            object.emplace_back("parent", ports_[port.parent()->value].name());
        else if (rte_eth_stats_get(port.device(), &driver) == 0) {
            object.emplace_back("driver_missed", driver.imissed);
            object.emplace_back("driver_receive_errors", driver.ierrors);
            object.emplace_back("driver_transmit_errors", driver.oerrors);
            object.emplace_back("driver_no_buffer", driver.rx_nombuf);
        }
        list.emplace_back(std::move(object));
    }
    return list;
}

Answer::List Report::tunnels() const {
    Answer::List list;
    const fib::ForwardingState& state = *publisher_.load();
    for (std::size_t i = 0; i < tunnels_.size(); ++i) {
        const model::Uplink& uplink = *tunnels_[i];
        const bool is_resolved =
            state.adjacencies[state.tunnel_ends[i].adjacency].verb == fib::Verb::tunnel;
        const model::Underlay& underlay = *uplink.underlay;
        Answer::Object object{{"name", uplink.name},
                              {"local", underlay.local.to_string()},
                              {"remote", underlay.remote.to_string()},
                              {"next_hop", is_resolved ? "resolved" : "unresolved"}};
        if (underlay.key)
            object.emplace_back("key", std::uint64_t{*underlay.key});
        if (underlay.keepalive) {
            object.emplace_back("keepalives_heard", sum([i](const Counters& c) -> auto& {
                                    return c.keepalives[i].heard;
                                }));
            object.emplace_back("keepalives_answered", sum([i](const Counters& c) -> auto& {
                                    return c.keepalives[i].answered;
                                }));
        }
        add_traffic(object, [i](const Counters& c) -> const Traffic& { return c.tunnels[i]; });
        list.emplace_back(std::move(object));
    }
    return list;
}

Answer::List Report::drops() const {
    Answer::List list;
    const Counters& exchange = fabric_.exchange().counters();
    for (std::size_t i = 0; i < packet::drop_count; ++i) {
        const auto reason = static_cast<packet::Drop>(i);
        list.emplace_back(counted(
            to_string(reason), meaning(reason),
            sum([i](const Counters& c) -> auto& { return c.drops[i]; }) + exchange.drops[i].get()));
    }
    return list;
}

Answer::List Report::punts() const {
    Answer::List list;
    for (std::size_t i = 0; i < packet::punt_count; ++i) {
        const auto reason = static_cast<packet::Punt>(i);
        list.emplace_back(counted(to_string(reason), meaning(reason),
                                  sum([i](const Counters& c) -> auto& { return c.punts[i]; })));
    }
    list.emplace_back(counted("from-kernel", "sent by the kernel out of a twin",
                              sum([](const Counters& c) -> auto& { return c.injected; })));
    return list;
}

Answer::Object Report::tables() const {
    const mirror::Status& status = mirror_.status();
    return {{"synced", status.is_synced ? "yes" : "no"},
            {"generation", status.generation},
            {"messages", status.messages},
            {"undecodable", status.undecodable},
            {"overruns", status.overruns},
            {"resyncs", status.resyncs},
            {"confirmations", status.confirmations},
            {"audits", status.audits},
            {"audit_differences", status.audit_differences},
            {"last_latency_us", microseconds(status.last_latency)},
            {"worst_latency_us", microseconds(status.worst_latency)},
            {"last_sync_us", microseconds(status.last_sync_time)},
            {"links", status.links},
            {"addresses", status.addresses},
            {"neighbours", status.neighbours},
            {"nexthops", status.nexthops},
            {"rules", status.rules},
            {"routes", status.routes},
            {"leaves", status.leaves},
            {"adjacencies", status.adjacencies},
            {"tables", status.tables},
            {"table_bytes", status.table_bytes},
            {"unsupported_rules", status.unsupported_rules},
            {"waiting_routes", status.waiting_routes}};
}

Answer::List Report::workers() const {
    Answer::List list;
    for (const auto& worker : fabric_.workers()) {
        const Counters& counters = worker->counters();
        const std::uint64_t packets = counters.packets.get();
        const std::uint64_t busy = counters.busy_ticks.get();
        list.emplace_back(Answer::Object{{"worker", worker->request().index},
                                         {"core", std::uint64_t{worker->request().core}},
                                         {"queues", worker->request().inlets.size()},
                                         {"sockets", worker->request().sockets.size()},
                                         {"bursts", counters.bursts.get()},
                                         {"packets", packets},
                                         {"busy_ticks", busy},
                                         {"ticks_per_packet", packets == 0 ? 0 : busy / packets},
                                         {"handed_over", counters.handed_over.get()},
                                         {"sleeps", counters.sleeps.get()}});
    }
    return list;
}

Answer::List Report::sets() const {
    Answer::List list;
    for (const model::Uplink& uplink : config_.uplinks)
        for (const model::PrefixSet& set : config_.prefix_sets)
            for (const Family family : families) {
                Answer::Object object{{"uplink", uplink.name},
                                      {"set", set.name},
                                      {"family", std::string(to_string(family))}};
                add_traffic(object, [&](const Counters& c) -> const Traffic& {
                    return c.of(UplinkId(*uplink_slots_.of(uplink.name)),
                                PrefixSetId(*set_slots_.of(set.name)), family);
                });
                list.emplace_back(std::move(object));
            }
    return list;
}

Answer::List Report::next_hops() const {
    Answer::List list;
    const fib::ForwardingState& state = *publisher_.load();
    for (std::size_t place = 0; place < state.adjacencies.size(); ++place) {
        const fib::Adjacency& adjacency = state.adjacencies[place];
        if (adjacency.verb != fib::Verb::forward && adjacency.verb != fib::Verb::tunnel)
            continue;
        Answer::Object object = next_hop(adjacency);
        const NextHops::Sum sum = next_hops_.of(place);
        object.emplace_back("packets", sum.packets);
        object.emplace_back("bytes", sum.bytes);
        list.emplace_back(std::move(object));
    }
    return list;
}

}  // namespace detour::engine
