// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The shipping speaker on the shipping sockets, for tests: a command a line on standard input, one
// JSON object a line on standard output for each thing the speaker says, with the milliseconds
// since the start. Commands:
//     {"configure": {"asn": 64500, "router_id": "192.0.2.2", "declared": ["198.51.100.0/24"],
//                    "peers": [{"id": 0, "local": ..., "remote": ..., "asn": 64496, "device": ...,
//                               "password": ..., "ttl_hops": 1, "hold": 9, "passive": true,
//                               "max_prefixes": 10, "next_hops": ["192.0.2.2", "2001:db8::2"],
//                               "role": "customer", "strict": true, "restart": 30,
//                               "notifications": true, "set": {...},
//                               "import": [{"action": "accept", "prefixes": ["0.0.0.0/0 le 24"],
//                                           "as_path": ["64496 *"], "communities": ["64496:7"]}]}],
//                    "resumed": true}}
//     {"change": {"peer": 0, "prefixes": ["198.51.100.0/24"], "announcement": {...} or null}}
//     {"announce": {"peer": 0, "set": {"198.51.100.0/24": {"prepend": 2, "med": 5,
//                   "communities": ["65535:0"], "large": ["64500:1:2"]}}}}
//     {"switch": {"from": 0, "to": 1, "announcement": {...}}}   what one peer has goes to another
//     {"stop": 0, "communication": "..."}  {"start": 0}  {"refresh": 0, "family": "ipv4"}
//     {"view": 0}                            the peer and its routes as one object
#include <fmt/format.h>

#include <asio/io_context.hpp>
#include <asio/posix/stream_descriptor.hpp>
#include <asio/read_until.hpp>
#include <asio/steady_timer.hpp>
#include <asio/streambuf.hpp>
#include <cstdio>
#include <functional>
#include <iostream>
#include <map>
#include <nlohmann/json.hpp>
#include <random>
#include <string>

#include "controlplane/bgp/speaker.h"
#include "controlplane/daemon/bgp_transport.h"
#include "controlplane/io/clock.h"

namespace {

using namespace detour;
using nlohmann::json;

Address address(const json& text) {
    return Address::parse(text.get<std::string>()).value();
}
Prefix prefix(const std::string& text) {
    return Prefix::parse(text).value();
}

std::vector<std::uint32_t> numbers(const std::string& text) {
    std::vector<std::uint32_t> parts;
    for (std::size_t at = 0; at <= text.size();) {
        const std::size_t end = std::min(text.find(':', at), text.size());
        parts.push_back(static_cast<std::uint32_t>(std::stoul(text.substr(at, end - at))));
        at = end + 1;
    }
    return parts;
}

bgp::Announcement announcement(const json& value) {
    bgp::Announcement result;
    result.prepend = value.value("prepend", std::uint8_t{0});
    if (value.contains("med"))
        result.med = value["med"].get<std::uint32_t>();
    for (const auto& text : value.value("communities", std::vector<std::string>{})) {
        const auto parts = numbers(text);
        result.communities.emplace_back(parts.at(0) << 16 | parts.at(1));
    }
    for (const auto& text : value.value("large", std::vector<std::string>{})) {
        const auto parts = numbers(text);
        result.large_communities.push_back({parts.at(0), parts.at(1), parts.at(2)});
    }
    return result;
}

bgp::Role role(const std::string& text) {
    using enum bgp::Role;
    const std::map<std::string, bgp::Role> roles{{"provider", provider},
                                                 {"rs-server", route_server},
                                                 {"rs-client", route_server_client},
                                                 {"customer", customer},
                                                 {"peer", peer}};
    return roles.at(text);
}

bgp::ImportRule import_rule(const json& value) {
    using enum bgp::ImportRule::Verdict;
    bgp::ImportRule rule;
    rule.verdict = value["action"] == "accept" ? accept : refuse;
    for (const auto& text : value.value("prefixes", std::vector<std::string>{}))
        rule.prefixes.push_back(PrefixRange::parse(text).value());
    for (const auto& text : value.value("as_path", std::vector<std::string>{}))
        rule.as_paths.push_back(AsPathPattern::parse(text).value());
    for (const auto& text : value.value("communities", std::vector<std::string>{})) {
        const auto parts = numbers(text);
        rule.communities.emplace_back(parts.at(0) << 16 | parts.at(1));
    }
    return rule;
}

bgp::PeerConfig peer_config(const json& value) {
    bgp::PeerConfig peer;
    peer.id = bgp::PeerId(value.value("id", std::uint16_t{0}));
    peer.transport.local = address(value["local"]);
    peer.transport.remote = address(value["remote"]);
    peer.transport.device = value.value("device", "");
    peer.transport.password = value.value("password", "");
    if (value.contains("ttl_hops"))
        peer.transport.ttl_security_hops = value["ttl_hops"].get<std::uint8_t>();
    peer.asn = AsNumber(value["asn"].get<std::uint32_t>());
    peer.timers.hold = std::chrono::seconds(value.value("hold", 90));
    peer.timers.connect_retry = std::chrono::seconds(value.value("connect_retry", 1));
    peer.opening = value.value("passive", false) ? bgp::Opening::passive : bgp::Opening::active;
    peer.max_prefixes = value.value("max_prefixes", 1000U);
    if (value.contains("import"))
        peer.import.emplace();
    for (const auto& rule : value.value("import", json::array()))
        peer.import->push_back(import_rule(rule));
    // In the order of the families; one of the other family is RFC 8950's.
    for (std::size_t i = 0; i < value["next_hops"].size(); ++i)
        if (!value["next_hops"][i].is_null())
            peer.next_hops.at(i) = address(value["next_hops"][i]);
    if (value.contains("role"))
        peer.role = role(value["role"]);
    peer.requires_role = value.value("strict", false);
    peer.covers_notifications = value.value("notifications", false);
    peer.timers.restart = std::chrono::seconds(value.value("restart", 30));
    return peer;
}

bgp::AnnouncementSet announcements(const json& value) {
    bgp::AnnouncementSet set;
    for (const auto& [text, each] : value.items())
        set[prefix(text)] = announcement(each);
    return set;
}

// More than anybody reads are counted.
json texts(const std::vector<Prefix>& prefixes) {
    if (prefixes.size() > 100)
        return prefixes.size();
    json list = json::array();
    for (const Prefix& each : prefixes)
        list.push_back(each.to_string());
    return list;
}

class Driver {
 public:
    Driver()
        : transport_(loop_, {[this](const bgp::Input& input) { give(input); },
                             [this](const std::string& text) {
                                 say({{"complaint", text}});
                             }}),
          input_(loop_, ::dup(0)),
          timer_(loop_),
          speaker_([this] { return std::uniform_real_distribution<double>()(random_); }) {
        read();
    }
    void run() { loop_.run(); }

 private:
    void read() {
        asio::async_read_until(input_, line_, '\n',
                               [this](const asio::error_code& error, std::size_t) {
                                   if (error)
                                       return loop_.stop();
                                   std::string text;
                                   std::getline(std::istream(&line_) >> std::ws, text);
                                   if (!text.empty())
                                       obey(json::parse(text));
                                   read();
                               });
    }

    void obey(const json& command) {
        if (command.contains("configure"))
            return configure(command["configure"]);
        if (command.contains("announce"))
            return give(bgp::Announce{peer_id(command["announce"]["peer"]),
                                      announcements(command["announce"]["set"])});
        if (command.contains("change"))
            return change(command["change"]);
        if (command.contains("switch"))
            return switch_over(command["switch"]);
        if (command.contains("stop"))
            return give(bgp::Stop{peer_id(command["stop"]), command.value("communication", "")});
        if (command.contains("start"))
            return give(bgp::Start{peer_id(command["start"])});
        if (command.contains("refresh"))
            return give(bgp::RequestRefresh{peer_id(command["refresh"]), command["family"] == "ipv4"
                                                                             ? Family::ipv4
                                                                             : Family::ipv6});
        if (command.contains("view"))
            return view(peer_id(command["view"]));
    }
    static bgp::PeerId peer_id(const json& value) {
        return bgp::PeerId(value.get<std::uint16_t>());
    }

    void configure(const json& value) {
        bgp::SpeakerConfig config;
        config.asn = AsNumber(value["asn"].get<std::uint32_t>());
        config.router_id = address(value["router_id"]);
        for (const auto& each : value["declared"])
            config.declared.push_back(prefix(each));
        for (const auto& each : value["peers"])
            config.peers.push_back(peer_config(each));
        config.is_resumed = value.value("resumed", false);
        carry_out(speaker_.configure(io::now(), config));
        // Wishes from before the sessions: nothing is sent before this turn is over.
        for (const auto& each : value["peers"])
            if (each.contains("set"))
                give(bgp::Announce{bgp::PeerId(each.value("id", std::uint16_t{0})),
                                   announcements(each["set"])});
    }

    // Everything that one peer has is announced to the other, then withdrawn; told is when the
    // speaker and the transport are done with it, and when both peers' TCP have it.
    void switch_over(const json& value) {
        bgp::AnnouncementChange gone;
        for (const auto& view : speaker_.announcements(peer_id(value["from"])))
            gone.prefixes.push_back(view.prefix);
        bgp::AnnouncementChange come = gone;
        come.announcement = announcement(value["announcement"]);
        switch_began_ = io::now();
        unacknowledged_ = 2 * gone.prefixes.size();
        carry_out(
            speaker_.handle(switch_began_, bgp::ChangeAnnouncements{peer_id(value["to"]), {come}}));
        carry_out(
            speaker_.handle(io::now(), bgp::ChangeAnnouncements{peer_id(value["from"]), {gone}}));
        say({{"switched", gone.prefixes.size()}, {"handled_ms", since(switch_began_)}});
    }

    static double since(Instant begin) {
        return std::chrono::duration<double, std::milli>(io::now() - begin).count();
    }

    void note(const bgp::AnnouncementProgress& step) {
        if (unacknowledged_ == 0 || step.progress != bgp::Progress::acknowledged)
            return;
        unacknowledged_ -= std::min(unacknowledged_, step.announced.size() + step.withdrawn.size());
        if (unacknowledged_ == 0)
            say({{"switch_acknowledged_ms", since(switch_began_)}});
    }

    void change(const json& value) {
        bgp::AnnouncementChange difference;
        for (const auto& text : value["prefixes"])
            difference.prefixes.push_back(prefix(text));
        if (!value["announcement"].is_null())
            difference.announcement = announcement(value["announcement"]);
        give(bgp::ChangeAnnouncements{peer_id(value["peer"]), {difference}});
    }

    void give(const bgp::Input& input) { carry_out(speaker_.handle(io::now(), input)); }

    void carry_out(const bgp::Outputs& outputs) {
        for (const bgp::Output& output : outputs) {
            transport_.carry_out(output);
            tell(output);
        }
        arm();
    }

    void arm() {
        const auto deadline = speaker_.next_deadline();
        if (deadline == armed_)
            return;
        armed_ = deadline;
        timer_.cancel();
        if (!deadline)
            return;
        timer_.expires_after(std::max<Duration>(*deadline - io::now(), Duration::zero()));
        timer_.async_wait([this](const asio::error_code& cancelled) {
            if (cancelled)
                return;
            armed_.reset();
            give(bgp::Tick{});
        });
    }

    void tell(const bgp::Output& output) {
        if (const auto* change = std::get_if<bgp::StateChanged>(&output)) {
            json said{{"state", bgp::to_string(change->to)}, {"peer", change->peer.value}};
            if (change->error) {
                said["reason"] = bgp::to_string(change->error->reason);
                said["text"] = change->error->text;
            }
            say(said);
        } else if (const auto* learned = std::get_if<bgp::RoutesLearned>(&output)) {
            say({{"learned", texts(learned->prefixes)}, {"peer", learned->peer.value}});
        } else if (const auto* gone = std::get_if<bgp::RoutesWithdrawn>(&output)) {
            say({{"withdrawn", texts(gone->prefixes)}, {"peer", gone->peer.value}});
        } else if (const auto* end = std::get_if<bgp::EndOfRib>(&output)) {
            say({{"end_of_rib", to_string(end->family)}, {"peer", end->peer.value}});
        } else if (const auto* step = std::get_if<bgp::AnnouncementProgress>(&output)) {
            note(*step);
            say({{"progress", bgp::to_string(step->progress)},
                 {"peer", step->peer.value},
                 {"announced", texts(step->announced)},
                 {"gone", texts(step->withdrawn)}});
        } else if (const auto* remark = std::get_if<bgp::Remark>(&output)) {
            say({{"remark", remark->text}, {"peer", remark->peer.value}});
        } else if (const auto* refused = std::get_if<bgp::AnnouncementRefused>(&output)) {
            say({{"refused", refused->prefix.to_string()}, {"reason", refused->reason}});
        }
    }

    void view(bgp::PeerId id) {
        const auto peer = speaker_.peer(id);
        json routes = json::object();
        for (const bgp::RouteView& route : speaker_.routes(id))
            routes[route.prefix.to_string()] = {{"attributes", to_string(*route.attributes)},
                                                {"refusal", route.refusal}};
        json said{{"view", id.value},
                  {"state", bgp::to_string(peer->state)},
                  {"established", peer->established_count},
                  {"updates_in", peer->in.updates},
                  {"refreshes_in", peer->in.refreshes},
                  {"restarting", peer->restarting_until.has_value()},
                  {"stale", peer->stale},
                  {"routes", routes}};
        if (peer->negotiated)
            said["negotiated"] = {
                {"ipv4", peer->negotiated->carries(Family::ipv4)},
                {"ipv6", peer->negotiated->carries(Family::ipv6)},
                {"hold",
                 std::chrono::duration_cast<std::chrono::seconds>(peer->negotiated->hold).count()},
                {"four_octet_as", peer->negotiated->has_four_octet_as},
                {"route_refresh", peer->negotiated->has_route_refresh},
                {"enhanced_refresh", peer->negotiated->has_enhanced_refresh},
                {"graceful_restart", peer->negotiated->has_graceful_restart},
                {"graceful_notifications", peer->negotiated->has_graceful_notifications},
                {"extended_next_hop", peer->negotiated->has_extended_next_hop},
                {"extended_messages", peer->negotiated->has_extended_messages}};
        if (peer->last_error)
            said["last_error"] = peer->last_error->text;
        say(said);
    }

    void say(json object) const {
        object["ms"] = std::chrono::duration<double, std::milli>(io::now() - started_).count();
        std::cout << object.dump() << '\n' << std::flush;
    }

    asio::io_context loop_;
    daemon::BgpTransport transport_;
    asio::posix::stream_descriptor input_;
    asio::steady_timer timer_;
    asio::streambuf line_;
    std::optional<Instant> armed_;
    Instant started_ = io::now();
    Instant switch_began_;
    std::size_t unacknowledged_ = 0;
    std::mt19937 random_{std::random_device{}()};
    bgp::Speaker speaker_;
};

}  // namespace

int main() {
    Driver().run();
    return 0;
}
