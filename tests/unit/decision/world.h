// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A small random world in virtual time around a prober and a decider: uplinks, an Internet that
// chooses by prepends and preference, targets, sentinels, loss, null routes, counters, and a
// controller that carries actions out and acknowledges them. It knows nothing of verdicts. At every
// event it checks the one invariant: a block that was announced is never announced nowhere.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <queue>
#include <set>
#include <string>
#include <vector>

#include "conf/model/timing.h"
#include "controlplane/decision/decider.h"
#include "controlplane/probe/prober.h"

namespace world {

using detour::Duration;
using detour::Family;
using detour::Instant;
namespace decision = detour::decision;
namespace probe = detour::probe;

struct Configuration {
    detour::model::Profile profile = detour::model::Profile::fast;
    unsigned uplinks = 2;
    unsigned sets = 2;
    unsigned targets = 6;  // in three ASNs
    double loss = 0.01;    // of a round trip
    Duration rtt = std::chrono::milliseconds(1);
    double packets_per_second = 1000;  // inbound, each set
    std::uint64_t seed = 1;
    Family family = Family::ipv4;
    decision::Mode mode = decision::Mode::automatic;
    decision::FailBack fail_back = decision::FailBack::manual;
    std::function<void(decision::Thresholds&)> adjust{};
    std::optional<probe::SecondKind> second{};  // what targets answer besides ICMP
};

struct Event {
    Instant at{};
    decision::Action action;
};

class World {
 public:
    explicit World(Configuration configuration);

    // Until both graces are over and everything is proven.
    void settle();
    void run(Duration length);
    // Until `done`, at most for `most`; whether it was.
    bool run_until(const std::function<bool()>& done, Duration most);
    [[nodiscard]] Instant now() const { return now_; }

    // ---- faults, by index of uplink and set
    enum class Null { none, inside, beyond };
    void null_route(unsigned uplink, unsigned set, Null where) {
        flow();
        null_[{uplink, set}] = where;
    }
    enum class Filter { none, beacons };
    void filter(unsigned uplink, unsigned set, Filter filter,
                std::set<probe::Kind> kinds = {probe::Kind::icmp}) {
        filtered_[{uplink, set}] = filter == Filter::beacons;
        filtered_kinds_ = std::move(kinds);
    }
    // The data path of an uplink: carrier stays unless link() says otherwise.
    enum class State { down, up };
    void path(unsigned uplink, State state) {
        flow();
        paths_[uplink] = state == State::up;
    }
    void link(unsigned uplink, State state);
    void session(unsigned uplink, State state);
    // The neighbour has dropped the session; detourd hears of it when it next speaks there.
    void forsake(unsigned uplink);
    void targets(State state) { targets_answer_ = state == State::up; }
    void telemetry(State state);
    // What the Internet prefers while both announce; the first uplink at first.
    void prefer(unsigned uplink) { preferred_ = uplink; }
    // The same of these targets alone.
    void prefer(unsigned uplink, std::set<unsigned> targets) {
        choosy_ = {uplink, std::move(targets)};
    }
    void loss(double share) { configuration_.loss = share; }
    enum class Honour { yes, no };
    void honour_no_export(Honour honour) { honours_no_export_ = honour == Honour::yes; }
    void tell(const decision::Evidence& evidence);
    // detourd killed now and started again after `gone`, its sessions kept as if nothing had
    // happened.
    void restart(Duration gone);
    // The same as neighbours see it: the sessions end with the process and stand again so long
    // after its start, one a uplink; links are known down until the kernel was read.
    void restart(Duration gone, const std::vector<Duration>& sessions);
    // Another configuration in both machines, as the controller gives it to them.
    void reconfigure(const std::function<void(decision::Options&, probe::Options&)>& change,
                     const detour::Renumbering& ids);
    // Everything keeps its id; `targets_left` of the targets stay.
    [[nodiscard]] detour::Renumbering same_ids(unsigned targets_left) const;

    // ---- what happened
    [[nodiscard]] decision::Decider& decider() { return *decider_; }
    [[nodiscard]] probe::Prober& prober() { return *prober_; }
    [[nodiscard]] const decision::Options& options() const { return decision_options_; }
    [[nodiscard]] const std::vector<Event>& events() const { return events_; }
    [[nodiscard]] decision::Verdict verdict(unsigned uplink, unsigned set) const;
    // The last change of verdict there; nothing when there was none.
    [[nodiscard]] const decision::VerdictChanged* change(unsigned uplink, unsigned set) const;
    [[nodiscard]] std::optional<Instant> first(unsigned uplink, unsigned set,
                                               decision::Verdict verdict, Instant since) const;
    // Announced for everybody, session up.
    [[nodiscard]] bool is_announced(unsigned uplink, unsigned set) const;
    // Announced by this one of two uplinks alone, and leaving by it.
    [[nodiscard]] bool is_only_on(unsigned uplink, unsigned set) const;
    [[nodiscard]] unsigned egress(unsigned set) const { return egress_.at(set); }
    [[nodiscard]] std::vector<decision::MoveStep> steps(unsigned set) const;
    [[nodiscard]] std::vector<std::string> holds(unsigned set) const;
    [[nodiscard]] std::vector<std::string> pages() const;
    [[nodiscard]] unsigned announced_nowhere() const { return announced_nowhere_; }
    [[nodiscard]] std::uint64_t lost_packets(unsigned set) const {
        return static_cast<std::uint64_t>(lost_.at(set));
    }
    [[nodiscard]] std::uint64_t probes_sent() const { return probes_sent_; }
    // How often the decider was woken by its own deadline.
    [[nodiscard]] std::uint64_t wakeups() const { return wakeups_; }
    // Called after each action was carried out.
    std::function<void(const Event&)> on_action;

    [[nodiscard]] static detour::UplinkId uplink(unsigned index) {
        return detour::UplinkId(static_cast<std::uint16_t>(index));
    }
    [[nodiscard]] static detour::PrefixSetId set(unsigned index) {
        return detour::PrefixSetId(static_cast<std::uint16_t>(index));
    }

 private:
    struct Later {
        Instant at{};
        std::uint64_t order = 0;
        std::function<void()> deed;
        bool operator>(const Later& other) const {
            return at != other.at ? at > other.at : order > other.order;
        }
    };
    struct Heard {  // what the Internet has heard of (uplink, set)
        std::optional<decision::Announcement> announcement;
    };

    void later(Duration delay, std::function<void()> deed);
    void step();
    void start();
    void stay_away(Duration gone);
    void make();
    void feed(const decision::Evidence& evidence);
    void probe_in(const probe::Input& input);
    void carry_out(const decision::Action& action);
    void send(const probe::Send& send);
    void count();
    void flow();
    void check();
    // Where packets for the set go; nothing: nowhere.
    [[nodiscard]] std::optional<unsigned> way_in(unsigned set, unsigned from_inside) const {
        return way_in(set, from_inside, preferred_);
    }
    [[nodiscard]] std::optional<unsigned> way_in(unsigned set, unsigned from_inside,
                                                 unsigned preferred) const;
    [[nodiscard]] bool is_delivered(unsigned uplink, unsigned set) const;
    [[nodiscard]] double random();
    [[nodiscard]] detour::Address address(unsigned network, unsigned host) const;
    [[nodiscard]] detour::Address control(unsigned uplink) const;
    [[nodiscard]] detour::Address sentinel(unsigned uplink, unsigned index) const;
    [[nodiscard]] detour::Address target(unsigned index) const;
    [[nodiscard]] detour::Address beacon(unsigned set, unsigned index) const;

    Configuration configuration_;
    decision::Options decision_options_;
    probe::Options probe_options_;
    std::unique_ptr<decision::Decider> decider_;
    std::unique_ptr<probe::Prober> prober_;
    Instant now_{std::chrono::hours(1)};
    std::uint64_t state_;
    std::uint64_t order_ = 0;
    std::priority_queue<Later, std::vector<Later>, std::greater<>> queue_;
    std::uint64_t life_ = 0;  // of detourd; what belongs to an earlier one is dropped
    std::map<std::pair<unsigned, unsigned>, Null> null_;
    std::map<std::pair<unsigned, unsigned>, bool> filtered_;
    std::set<probe::Kind> filtered_kinds_;
    std::vector<bool> paths_, links_, sessions_, forsaken_;
    std::map<std::pair<unsigned, unsigned>, Heard> told_;  // on the session
    std::set<std::pair<unsigned, unsigned>> was_told_;
    std::map<std::pair<unsigned, unsigned>, std::uint64_t> said_;
    std::map<std::pair<unsigned, unsigned>, Heard> heard_;  // by the Internet
    std::map<std::pair<unsigned, unsigned>, decision::Watch> watch_;
    std::map<std::pair<unsigned, unsigned>, double> packets_;
    std::map<std::pair<unsigned, unsigned>, decision::Verdict> verdicts_;
    std::vector<unsigned> egress_;
    std::vector<double> lost_;
    std::vector<Event> events_;
    decision::State disk_;
    bool has_disk_ = false;
    Instant written_{};
    unsigned preferred_ = 0;
    std::pair<unsigned, std::set<unsigned>> choosy_;
    bool targets_answer_ = true;
    bool honours_no_export_ = true;
    unsigned announced_nowhere_ = 0;
    std::uint64_t probes_sent_ = 0;
    std::uint64_t wakeups_ = 0;
    std::uint64_t cause_ = 0;
    Instant counted_{};
};

}  // namespace world
