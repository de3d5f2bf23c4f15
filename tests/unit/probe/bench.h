// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A prober on a bench: virtual time, a function that decides which probes are answered and when,
// and a record of everything it sent and concluded.
#pragma once

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "controlplane/controller/options.h"
#include "controlplane/probe/answer.h"
#include "controlplane/probe/prober.h"

namespace bench {

using namespace std::chrono_literals;
using namespace detour::probe;
using detour::Address;
using detour::Duration;
using detour::Family;
using detour::Instant;
using detour::PrefixSetId;
using detour::TargetId;
using detour::UplinkId;
using detour::model::Profile;

// The shipping figures of a profile.
inline Schedule schedule(Profile profile) {
    return detour::controller::schedule(detour::model::timing_of(profile));
}

inline Address address(const std::string& text) {
    return *Address::parse(text);
}

// Two uplinks, `sets` sets with two beacons a family, six targets a family.
inline Options options(Profile profile, unsigned sets = 2) {
    Options result;
    result.seed = 7;
    result.schedule = schedule(profile);
    for (unsigned u = 0; u < 2; ++u) {
        const auto n = std::to_string(u);
        result.uplinks.push_back({UplinkId(static_cast<std::uint16_t>(u)),
                                  {address("192.0.2.1" + n), address("2001:db8:" + n + "::1")},
                                  {address("192.0.2.10" + n), address("192.0.2.11" + n)},
                                  1476});
    }
    for (unsigned s = 0; s < sets; ++s) {
        const auto n = std::to_string(s);
        result.sets.push_back({PrefixSetId(static_cast<std::uint16_t>(s)),
                               {{address("198.51." + n + ".2"), 0},
                                {address("198.51." + n + ".254"), 0},
                                {address("2001:db8:7" + n + "::2"), 0}}});
    }
    for (unsigned t = 0; t < 12; ++t) {
        const auto n = std::to_string(t % 6 + 1);
        result.targets.push_back({TargetId(static_cast<std::uint16_t>(t)),
                                  address(t < 6 ? "203.0.113." + n : "2001:db8:500::" + n)});
    }
    return result;
}

// Every target answers TCP or UDP as well.
inline Options with_second(Options given, SecondKind second = {Kind::tcp, 443}) {
    for (auto& target : given.targets)
        target.second = second;
    return given;
}

struct Sent {
    Instant at{};
    Send send;
};
struct Concluded {
    Instant at{};
    Outcome outcome;
};

class Bench {
 public:
    explicit Bench(Options given) : prober(std::move(given)) { tell(Tick{}); }

    void tell(const Input& input) {
        take(prober.handle(now, input));
        while (!failed.empty()) {
            const auto probe = failed.back();
            failed.pop_back();
            take(prober.handle(now, SendFailed{probe}));
        }
    }
    void run(Duration length) {
        const Instant end = now + length;
        for (;;) {
            Instant next = end;
            bool is_reply = false;
            if (!replies.empty() && replies.begin()->first <= next) {
                next = replies.begin()->first;
                is_reply = true;
            }
            if (const auto at = prober.next_deadline(); at && *at < next) {
                next = *at;
                is_reply = false;
            } else if (!is_reply) {
                now = end;
                return;
            }
            now = std::max(now, next);
            if (!is_reply) {
                tell(Tick{});
                continue;
            }
            const auto reply = replies.begin()->second;
            replies.erase(replies.begin());
            tell(Reply{reply.arrival, reply.source, reply.destination, reply.message, reply.kind});
        }
    }
    void watch(unsigned uplink, unsigned set, Level level, Family family = Family::ipv4) {
        tell(SetLevel{UplinkId(static_cast<std::uint16_t>(uplink)),
                      PrefixSetId(static_cast<std::uint16_t>(set)), family, level});
    }
    [[nodiscard]] std::vector<Concluded> outcomes(Class probe_class) const {
        std::vector<Concluded> found;
        for (const auto& each : concluded)
            if (each.outcome.probe_class == probe_class)
                found.push_back(each);
        return found;
    }
    [[nodiscard]] std::vector<Sent> sends(Class probe_class) const {
        std::vector<Sent> found;
        for (const auto& each : sent)
            if (each.send.probe_class == probe_class)
                found.push_back(each);
        return found;
    }
    // The most sends to one destination in any second.
    [[nodiscard]] std::map<Address, std::size_t> fullest_second(Instant from) const {
        std::map<Address, std::vector<Instant>> times;
        for (const auto& each : sent)
            if (each.at >= from)
                times[each.send.destination].push_back(each.at);
        std::map<Address, std::size_t> fullest;
        for (const auto& [destination, list] : times)
            for (std::size_t i = 0, j = 0; i < list.size(); ++i) {
                while (list[i] - list[j] >= 1s)
                    ++j;
                fullest[destination] = std::max(fullest[destination], i - j + 1);
            }
        return fullest;
    }

    struct Arriving {
        UplinkId arrival;
        Address source, destination;
        std::vector<std::uint8_t> message;
        Kind kind = Kind::icmp;
    };
    Prober prober;
    Instant now{1h};
    // Round trip of a probe; nothing: no answer.
    std::function<std::optional<Duration>(const Send&)> answer = [](const Send&) { return 20ms; };
    Manner manner = Manner::closed;
    // What is answered, and by whom.
    std::function<std::optional<Answer>(const Send&)> say = [this](const Send& send) {
        return detour::probe::answer(send, manner);
    };
    std::function<Address(const Send&)> teller = [](const Send& send) { return send.destination; };
    // The kernel will not send it.
    std::function<bool(const Send&)> refuses = [](const Send&) { return false; };
    std::vector<ProbeId> failed;
    std::vector<Walked> walked;
    std::vector<PathMtu> path_mtus;
    std::vector<Sent> sent;
    std::vector<Concluded> concluded;
    std::multimap<Instant, Arriving> replies;

 private:
    void take(std::span<const Output> outputs) {
        for (const auto& output : outputs) {
            if (const auto* outcome = std::get_if<Outcome>(&output)) {
                concluded.push_back({now, *outcome});
                continue;
            }
            if (const auto* done = std::get_if<Walked>(&output)) {
                walked.push_back(*done);
                continue;
            }
            if (const auto* found = std::get_if<PathMtu>(&output)) {
                path_mtus.push_back(*found);
                continue;
            }
            const auto& send = std::get<Send>(output);
            sent.push_back({now, send});
            if (refuses(send)) {
                failed.push_back(send.probe);
                continue;
            }
            const auto delay = answer(send);
            const auto said = delay ? say(send) : std::nullopt;
            if (said)
                replies.emplace(now + *delay, Arriving{send.uplink, teller(send), send.source,
                                                       said->message, said->kind});
        }
    }
};

}  // namespace bench
