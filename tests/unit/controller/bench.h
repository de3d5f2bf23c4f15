// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The shipping controller on a bench, in virtual time: neighbours that speak BGP and hosts that
// answer pings, both through the shipping codecs, a kernel and a disk that do what they are told,
// and a record of everything that came out. What the Internet does is as simple as can be: a block
// is reached by the first uplink whose neighbour has it, and vanishes there if that uplink
// null-routes it.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "conf/model/config.h"
#include "controlplane/bgp/wire/framer.h"
#include "controlplane/bgp/wire/path_attributes.h"
#include "controlplane/controller/controller.h"

namespace bench {

using detour::Address;
using detour::AsNumber;
using detour::Bytes;
using detour::Duration;
using detour::Family;
using detour::Instant;
using detour::Prefix;
using detour::PrefixSetId;
using detour::UplinkId;
namespace bgp = detour::bgp;
namespace controller = detour::controller;
namespace decision = detour::decision;
namespace model = detour::model;

inline constexpr UplinkId provider{0};
inline constexpr UplinkId partner{1};

// The box of the null-route story in profile fast: mail (IPv4) and web (both families), a provider
// with a session a family, a partner with one session for both. `detect` and `policy` are added to
// those sections.
[[nodiscard]] model::Config story(const std::string& detect = "", const std::string& policy = "",
                                  const std::string& mode = "auto");

// The far end of one session: says what a correct neighbour says, and keeps what it was told.
class Neighbour {
 public:
    Neighbour(AsNumber asn, Address id, std::vector<Family> families);

    // What it answers to these bytes of ours.
    [[nodiscard]] Bytes hear(std::span<const std::uint8_t> bytes);
    [[nodiscard]] bool is_established() const { return is_established_; }
    [[nodiscard]] const std::map<Prefix, bgp::PathAttributes>& table() const { return table_; }
    [[nodiscard]] const std::optional<bgp::Notification>& farewell() const { return farewell_; }
    void forget();

 private:
    AsNumber asn_;
    Address id_;
    std::vector<Family> families_;
    bgp::Framer framer_;
    bool is_established_ = false;
    std::map<Prefix, bgp::PathAttributes> table_;
    std::optional<bgp::Notification> farewell_;
};

class Bench {
 public:
    explicit Bench(model::Config config);

    // detourd starts: sessions come up by themselves, links after a moment.
    void start();
    // Killed; the next start() finds what was saved last, `age` ago.
    void kill(Duration age = std::chrono::milliseconds(100));
    void run(Duration length);
    [[nodiscard]] bool run_until(const std::function<bool()>& done, Duration most);
    // Started, healthy and armed.
    void settle();
    void give(const controller::Input& input);

    // ---- the world
    Instant now{std::chrono::hours(1)};
    model::Config config;
    bool answers_calls = true;                               // the neighbours
    bool answers_counters = true;                            // the data plane
    bool confirms_forwarding = true;                         // the kernel
    std::set<std::pair<UplinkId, PrefixSetId>> null_routes;  // inside the uplink
    std::set<UplinkId> dead_paths;                           // nothing comes through
    std::map<Address, Neighbour> neighbours;                 // by their address
    std::set<detour::probe::Kind> filtered;                  // targets do not answer it
    // The neighbour sends these bytes on its session.
    void say(const Address& neighbour, const Bytes& bytes);
    // The session breaks and both sides notice.
    void cut(const Address& neighbour);

    // ---- what came out
    controller::Outputs said;
    [[nodiscard]] bool has(const Address& neighbour, const char* prefix) const;
    [[nodiscard]] std::vector<controller::Record> records() const;
    [[nodiscard]] const controller::CommandAnswer* answer(std::uint64_t number) const;
    [[nodiscard]] std::optional<UplinkId> egress(PrefixSetId set, Family family) const;
    [[nodiscard]] decision::Verdict verdict(UplinkId uplink, PrefixSetId set, Family family) const;
    [[nodiscard]] controller::Controller& box() { return *box_; }
    template <class Kind>
    [[nodiscard]] std::vector<Kind> all() const {
        std::vector<Kind> found;
        for (const auto& output : said)
            if (const auto* kind = std::get_if<Kind>(&output))
                found.push_back(*kind);
        return found;
    }

 private:
    struct Later {
        Instant at;
        std::uint64_t order = 0;
        std::function<void()> deed;
        bool operator>(const Later& other) const {
            return at != other.at ? at > other.at : order > other.order;
        }
    };
    struct Call {
        Address neighbour;
        std::uint64_t written = 0;
    };

    void later(Duration delay, std::function<void()> deed);
    void carry_out(const controller::Output& output);
    void carry_out(const bgp::Output& order);
    void answer_ping(const controller::SendProbe& send);
    void count();
    // Where packets to the address end up; nothing: nowhere.
    [[nodiscard]] std::optional<UplinkId> way_to(const Address& address) const;
    [[nodiscard]] UplinkId uplink_of(const Address& neighbour) const;

    std::unique_ptr<controller::Controller> box_;
    std::uint64_t life_ = 0;  // of detourd: what was meant for an earlier one is dropped
    std::uint64_t order_ = 0;
    std::uint64_t next_record_ = 1;
    std::priority_queue<Later, std::vector<Later>, std::greater<>> queue_;
    std::map<bgp::ConnectionId, Call> calls_;
    std::map<decision::Block, UplinkId> egress_;
    std::map<std::pair<UplinkId, decision::Block>, double> packets_;
    std::optional<decision::State> disk_;
    Duration age_{};
    Duration counted_every_{};
    Instant counted_{};
};

}  // namespace bench
