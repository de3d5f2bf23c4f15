// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/unit/controller/bench.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <utility>
#include <variant>

#include "conf/model/load.h"
#include "controlplane/bgp/wire/open.h"
#include "controlplane/bgp/wire/update.h"
#include "controlplane/probe/answer.h"

namespace bench {

using namespace std::chrono_literals;

namespace {

constexpr Duration travel = 1ms;
constexpr double packets_per_second = 1000;  // inbound, each block

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const auto place = text.find(from);
    REQUIRE(place != std::string::npos);
    return text.replace(place, from.size(), to);
}

constexpr const char* story_text = R"(version: 1
router: {name: bench, asn: 64500, id: 192.0.2.2, mode: MODE}
ports:
  wan0:  {device: "net_null0", addresses: [192.0.2.2/30, "2001:db8:1::2/64"]}
  xcon0: {device: "net_null1", addresses: [192.0.2.66/30]}
  lan0:  {device: "net_null2", addresses: [10.1.0.1/24, "2001:db8:10::1/64"]}
uplinks:
  provider:
    kind: direct
    port: wan0
    control-sources: [192.0.2.2, "2001:db8:1::2"]
    sentinels: [192.0.2.161, 192.0.2.165, "2001:db8:161::1", "2001:db8:161::5"]
    bgp: {peers: [192.0.2.1, "2001:db8:1::1"], asn: 64496}
  partner:
    kind: gre
    underlay: {port: xcon0, local: 192.0.2.66, remote: 192.0.2.65, key: 7}
    inner: [10.255.0.1/31, "2001:db8:ff::1/127"]
    control-sources: [192.0.2.98, "2001:db8:98::1"]
    bgp: {peers: [10.255.0.0], asn: 64497}
prefix-sets:
  mail: {prefixes: [198.51.100.0/24], beacons: [198.51.100.2, 198.51.100.254], next-hops: [10.1.0.2]}
  web:
    prefixes: [203.0.113.0/24, "2001:db8:77::/48"]
    beacons: [203.0.113.2, 203.0.113.254, "2001:db8:77::2", "2001:db8:77:8000::2"]
    next-hops: [10.1.0.2, "2001:db8:10::2"]
detect:
  profile: fast
DETECT  targets:
    - {asn: 64501, addresses: [192.0.2.129, 192.0.2.130, "2001:db8:501::1", "2001:db8:501::2"], own: true}
    - {asn: 64502, addresses: [192.0.2.137, 192.0.2.138, "2001:db8:502::1", "2001:db8:502::2"], own: true}
    - {asn: 64503, addresses: [192.0.2.145, 192.0.2.146, "2001:db8:503::1", "2001:db8:503::2"], own: true}
policy: {fail-back: manual POLICY}
)";

Address address(const char* text) {
    return *Address::parse(text);
}

}  // namespace

model::Config story(const std::string& detect, const std::string& policy, const std::string& mode) {
    std::string keys = detect.empty() ? "" : "  " + detect + "\n";
    for (auto comma = keys.find(", "); comma != std::string::npos; comma = keys.find(", "))
        keys.replace(comma, 2, "\n  ");
    std::string text = replaced(story_text, "DETECT", keys);
    text = replaced(text, "POLICY", policy.empty() ? "" : ", " + policy);
    auto config = model::parse(replaced(text, "MODE", mode), "/bench.yaml", {});
    if (!config)
        FAIL(model::to_string(config.error()));
    return std::move(*config);
}

// ---- a neighbour

Neighbour::Neighbour(AsNumber asn, Address id, std::vector<Family> families)
    : asn_(asn), id_(id), families_(std::move(families)) {}

void Neighbour::forget() {
    framer_ = {};
    is_established_ = false;
    table_.clear();
}

Bytes Neighbour::hear(std::span<const std::uint8_t> bytes) {
    bgp::Open ours;
    ours.my_as = static_cast<std::uint16_t>(asn_.value);
    ours.hold_seconds = 90;
    ours.router_id = id_;
    ours.capabilities.has_multiprotocol = true;
    for (const Family family : families_)
        ours.capabilities.families[static_cast<std::size_t>(family)] = true;
    ours.capabilities.four_octet_as = asn_;
    bgp::Negotiated agreed;
    agreed.families = ours.capabilities.families;
    agreed.has_four_octet_as = true;
    Bytes answer;
    const auto append = [&](const Bytes& more) {
        answer.insert(answer.end(), more.begin(), more.end());
    };
    framer_.feed(bytes);
    for (;;) {
        const auto frame = framer_.next();
        REQUIRE(frame.has_value());
        if (!*frame)
            return answer;
        switch ((*frame)->type) {
            case bgp::MessageType::open:
                REQUIRE(bgp::decode_open((*frame)->body).has_value());
                append(bgp::encode(ours));
                append(bgp::encode_keepalive());
                break;
            case bgp::MessageType::keepalive:
                is_established_ = true;
                append(bgp::encode_keepalive());
                break;
            case bgp::MessageType::update: {
                const auto update =
                    bgp::decode_update((*frame)->body, agreed, bgp::PeerScope::external);
                REQUIRE(update.has_value());
                CHECK(update->faults.empty());
                for (const auto& prefixes : update->withdrawn)
                    for (const Prefix& prefix : prefixes)
                        table_.erase(prefix);
                for (const auto& routes : update->reachable)
                    for (const Prefix& prefix : routes.prefixes)
                        table_[prefix] = *routes.attributes;
                break;
            }
            case bgp::MessageType::notification:
                farewell_ = bgp::decode_notification((*frame)->body);
                forget();
                return answer;
            case bgp::MessageType::route_refresh:
                break;
        }
    }
}

// ---- the bench

Bench::Bench(model::Config given) : config(std::move(given)) {
    const std::vector<Family> ipv4{Family::ipv4}, ipv6{Family::ipv6};
    neighbours.emplace(address("192.0.2.1"),
                       Neighbour(AsNumber(64496), address("192.0.2.161"), ipv4));
    neighbours.emplace(address("2001:db8:1::1"),
                       Neighbour(AsNumber(64496), address("192.0.2.161"), ipv6));
    neighbours.emplace(address("10.255.0.0"), Neighbour(AsNumber(64497), address("192.0.2.97"),
                                                        {Family::ipv4, Family::ipv6}));
}

void Bench::later(Duration delay, std::function<void()> deed) {
    queue_.push({now + delay, ++order_, [this, life = life_, deed = std::move(deed)] {
                     if (life == life_)
                         deed();
                 }});
}

void Bench::start() {
    ++life_;
    box_ = std::make_unique<controller::Controller>(
        config, controller::Beginning{.at = now,
                                      .next_record = next_record_,
                                      .seed = 7,
                                      .state = disk_,
                                      .state_age = age_,
                                      .passwords = {}});
    give(controller::Start{});
    for (const UplinkId uplink : {provider, partner})
        later(20ms, [this, uplink] {
            give(controller::UplinkLink{uplink, decision::Presence::up});
        });
}

void Bench::kill(Duration age) {
    ++life_;
    box_.reset();
    calls_.clear();
    for (auto& [where, neighbour] : neighbours)
        neighbour.forget();
    now += age;
    age_ = age;
}

void Bench::give(const controller::Input& input) {
    const auto life = life_;
    for (const auto& output : box_->handle(now, input)) {
        said.push_back(output);
        if (const auto* record = std::get_if<controller::Record>(&output))
            next_record_ = std::max(next_record_, record->number + 1);
        if (life == life_)
            carry_out(output);
    }
}

void Bench::run(Duration length) {
    (void)run_until([] { return false; }, length);
}

bool Bench::run_until(const std::function<bool()>& done, Duration most) {
    const Instant end = now + most;
    while (!done()) {
        const auto due = box_->next_deadline();
        const bool is_box_first = due && (queue_.empty() || *due < queue_.top().at);
        const Instant next = is_box_first     ? *due
                             : queue_.empty() ? Instant::max()
                                              : queue_.top().at;
        if (next > end) {
            now = end;
            return done();
        }
        now = std::max(now, next);
        if (is_box_first) {
            give(controller::Tick{});
            continue;
        }
        const auto deed = queue_.top().deed;
        queue_.pop();
        deed();
    }
    return true;
}

void Bench::settle() {
    start();
    run(15s);
    for (const PrefixSetId set : {PrefixSetId(0), PrefixSetId(1)})
        REQUIRE(verdict(provider, set, Family::ipv4) == decision::Verdict::healthy);
}

void Bench::carry_out(const controller::Output& output) {
    if (const auto* order = std::get_if<controller::TransportOrder>(&output)) {
        carry_out(*order);
    } else if (const auto* send = std::get_if<controller::SendProbe>(&output)) {
        answer_ping(*send);
    } else if (const auto* forward = std::get_if<controller::Forward>(&output)) {
        egress_ = forward->egress;
        if (confirms_forwarding)
            later(travel, [this, ticket = forward->ticket] { give(controller::Done{ticket}); });
    } else if (const auto* persist = std::get_if<controller::Persist>(&output)) {
        disk_ = persist->state;
        if (persist->ticket != decision::ActionId{})
            later(travel, [this, ticket = persist->ticket] { give(controller::Done{ticket}); });
    } else if (const auto* read = std::get_if<controller::ReadCounters>(&output)) {
        const bool is_first = counted_every_ == Duration{};
        counted_every_ = read->every;
        if (is_first)
            later(travel, [this] { count(); });
    }
}

UplinkId Bench::uplink_of(const Address& neighbour) const {
    return neighbour == address("10.255.0.0") ? partner : provider;
}

void Bench::carry_out(const bgp::Output& order) {
    if (const auto* connect = std::get_if<bgp::Connect>(&order)) {
        later(travel, [this, call = *connect] {
            if (!answers_calls)
                return give(bgp::Input(bgp::ConnectFailed{call.connection, "connection refused"}));
            calls_[call.connection] = {call.transport.remote};
            give(bgp::Input(bgp::Connected{call.connection}));
        });
    } else if (const auto* send = std::get_if<bgp::Send>(&order)) {
        const auto call = calls_.find(send->connection);
        if (call == calls_.end())
            return;
        const Bytes reply = neighbours.at(call->second.neighbour).hear(send->bytes);
        later(travel, [this, connection = send->connection, end = send->end, reply] {
            if (!calls_.contains(connection))
                return;
            give(bgp::Input(bgp::StreamProgress{connection, end, end}));
            if (!reply.empty() && calls_.contains(connection))
                give(bgp::Input(bgp::Received{connection, reply}));
        });
    } else if (const auto* close = std::get_if<bgp::Close>(&order)) {
        const auto call = calls_.find(close->connection);
        if (call == calls_.end())
            return;
        neighbours.at(call->second.neighbour).forget();
        calls_.erase(call);
    }
}

void Bench::say(const Address& neighbour, const Bytes& bytes) {
    for (const auto& [connection, call] : calls_)
        if (call.neighbour == neighbour)
            return give(bgp::Input(bgp::Received{connection, bytes}));
}

void Bench::cut(const Address& neighbour) {
    const auto call = std::ranges::find_if(
        calls_, [&](const auto& entry) { return entry.second.neighbour == neighbour; });
    REQUIRE(call != calls_.end());
    const auto connection = call->first;
    calls_.erase(call);
    neighbours.at(neighbour).forget();
    give(bgp::Input(bgp::Closed{connection, "connection reset"}));
}

std::optional<UplinkId> Bench::way_to(const Address& host) const {
    for (const model::Uplink& uplink : config.uplinks)
        if (std::ranges::find(uplink.control_sources, host) != uplink.control_sources.end())
            return uplink.id;
    const model::PrefixSet* set = config.prefix_set_of(host);
    for (const UplinkId uplink : {provider, partner})
        for (const auto& [where, neighbour] : neighbours)
            for (const auto& [prefix, attributes] : neighbour.table())
                if (uplink_of(where) == uplink && prefix.contains(host))
                    return set != nullptr && null_routes.contains({uplink, set->id})
                               ? std::nullopt
                               : std::optional(uplink);
    return std::nullopt;
}

void Bench::answer_ping(const controller::SendProbe& send) {
    const auto& probe = send.probe;
    const auto arrival = way_to(probe.source);
    const auto answer = detour::probe::answer(probe);
    if (!arrival || !answer || filtered.contains(probe.kind) || dead_paths.contains(probe.uplink) ||
        dead_paths.contains(*arrival))
        return;
    later(travel, [this, arrival = *arrival, answer = *answer, source = probe.destination,
                   destination = probe.source] {
        give(controller::ProbeReply{answer.kind, arrival, source, destination, answer.message});
    });
}

void Bench::count() {
    const double seconds =
        std::chrono::duration<double>(now - std::exchange(counted_, now)).count();
    std::vector<decision::Counters> counters;
    for (const model::PrefixSet& set : config.prefix_sets)
        for (const Family family : detour::families) {
            const decision::Block block{set.id, family};
            for (const Prefix& prefix : set.prefixes)
                if (prefix.family() == family)
                    if (const auto way = way_to(prefix.address()); way && seconds < 10)
                        packets_[{*way, block}] += packets_per_second * seconds;
            for (const UplinkId uplink : {provider, partner}) {
                const auto value = static_cast<std::uint64_t>(packets_[{uplink, block}]);
                counters.push_back({uplink, block, value, value, value * 500});
            }
        }
    if (answers_counters)
        give(controller::CountersRead{std::move(counters)});
    else
        give(controller::CountersRead{});
    later(std::min<Duration>(counted_every_, 100ms), [this] { count(); });
}

bool Bench::has(const Address& neighbour, const char* prefix) const {
    return neighbours.at(neighbour).table().contains(*Prefix::parse(prefix));
}

std::vector<controller::Record> Bench::records() const {
    return all<controller::Record>();
}

const controller::CommandAnswer* Bench::answer(std::uint64_t number) const {
    for (const auto& output : said)
        if (const auto* answer = std::get_if<controller::CommandAnswer>(&output))
            if (answer->number == number)
                return answer;
    return nullptr;
}

std::optional<UplinkId> Bench::egress(PrefixSetId set, Family family) const {
    const auto found = egress_.find({set, family});
    return found == egress_.end() ? std::nullopt : std::optional(found->second);
}

decision::Verdict Bench::verdict(UplinkId uplink, PrefixSetId set, Family family) const {
    for (const auto& watch : box_->view(now).decision.watches)
        if (watch.uplink == uplink && watch.block == decision::Block{set, family})
            return watch.verdict;
    FAIL("nothing is known of it");
    return {};
}

}  // namespace bench
