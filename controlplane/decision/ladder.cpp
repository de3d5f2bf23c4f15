// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/decision/ladder.h"

#include <cmath>

#include "controlplane/decision/measure.h"

namespace detour::decision {

namespace {

// Collects figures when asked to, and keeps the first condition that failed.
class Conditions {
 public:
    explicit Conditions(std::vector<Figure>* figures) : figures_(figures) {}

    void require(bool holds, std::string_view missing, Figure figure) {
        figure.holds = holds;
        if (figures_)
            figures_->push_back(figure);
        if (!holds && missing_.empty())
            missing_ = missing;
    }
    [[nodiscard]] std::string_view missing() const { return missing_; }

 private:
    std::vector<Figure>* figures_;
    std::string_view missing_;
};

Figure counted(std::string_view name, double n, Comparison comparison, double threshold,
               double out_of, std::string_view section) {
    return {name, n, comparison, threshold, Unit::count, out_of, section, true};
}

bool is_reply_allowed(const Findings& found) {
    return found.replies <= 1;
}

// One reply may be the last one before the onset, or come from a host within the provider.
bool is_second_kind_alive(const Facts& facts) {
    return facts.second.replies >= 2;
}

// Condition (4): which kinds speak, and whether they agree. Traffic that ended with ICMP is enough,
// unless the second kind comes through.
bool do_kinds_agree(const Facts& facts) {
    switch (facts.passive.band) {
        case Band::dead:
            return !is_second_kind_alive(facts);
        case Band::absent:
            return facts.second.is_dead;
        case Band::unknown:
        case Band::partial:
        case Band::normal:
            break;
    }
    return false;
}

std::string_view kinds_missing(const Facts& facts, const Thresholds& t) {
    if (is_second_kind_alive(facts))
        return "ICMP is lost alone: the second kind comes through";
    switch (facts.passive.band) {
        case Band::normal:
            return "inbound traffic of the block is normal";
        case Band::partial:
            return "inbound traffic of the block is half alive";
        case Band::absent:
            return facts.second.witnesses < t.homed_targets
                       ? "ICMP only: without inbound traffic before the onset a second kind is "
                         "needed"
                       : "the second kind is not dead, and no inbound traffic speaks";
        case Band::unknown:
        case Band::dead:
            break;
    }
    return "inbound traffic since the onset is not counted yet";
}

void require_breadth(Conditions& conditions, const Findings& found, const Thresholds& t) {
    const double needed = t.breadth * found.homed;
    conditions.require(found.homed > 0 && found.lost_targets + 1e-9 >= needed,
                       "the last two pairs are lost on too few targets",
                       counted("targets", found.lost_targets, Comparison::at_least,
                               std::ceil(needed - 1e-9), found.homed, "2(2)"));
    conditions.require(
        found.lost_asns >= t.breadth_asns, "the targets that are lost lie in too few ASNs",
        counted("asns", found.lost_asns, Comparison::at_least, t.breadth_asns, 0, "2(2)"));
    conditions.require(found.beacons > 0 && found.dead_beacons == found.beacons,
                       "not every beacon of the prefix is lost",
                       counted("beacons", found.dead_beacons, Comparison::at_least, found.beacons,
                               found.beacons, "2(2)"));
}

void require_duration(Conditions& conditions, const Findings& found, const Thresholds& t) {
    conditions.require(found.span >= t.t_min, "it has not lasted T_min yet",
                       {"span", in_seconds(found.span), Comparison::at_least, in_seconds(t.t_min),
                        Unit::seconds, 0, "2(3)", true});
    conditions.require(is_reply_allowed(found), "two targets replied inside T_min",
                       counted("replies", found.replies, Comparison::at_most, 1, found.homed, "2"));
}

void require_kinds(Conditions& conditions, const Facts& facts, const Thresholds& t) {
    const auto& second = facts.second;
    const bool is_absent = facts.passive.band == Band::absent;
    const bool agrees = do_kinds_agree(facts);
    if (is_absent)
        conditions.require(true, {},
                           {"inbound-before", facts.passive.before, Comparison::below,
                            t.passive_absent, Unit::rate, 0, "2(4)", true});
    else
        conditions.require(agrees || is_second_kind_alive(facts), kinds_missing(facts, t),
                           {"inbound-share", facts.passive.share, Comparison::below, t.passive_dead,
                            Unit::ratio, 0, "2(4)", true});
    if (!is_absent && second.witnesses == 0 && !is_second_kind_alive(facts))
        return;
    const double needed = std::ceil(t.breadth * second.findings.homed - 1e-9);
    conditions.require(agrees || (!is_absent && !is_second_kind_alive(facts)),
                       kinds_missing(facts, t),
                       counted("second-kind-targets", second.findings.lost_targets,
                               is_absent ? Comparison::at_least : Comparison::none, needed,
                               second.findings.homed, "2(4)"));
}

void require_past(Conditions& conditions, const Facts& facts, const Thresholds& t) {
    const bool is_proven = facts.beacon_age && *facts.beacon_age <= t.proven_age;
    conditions.require(
        is_proven, "no reply to the block came this way within 24 h",
        {"last-good", facts.beacon_age ? in_seconds(*facts.beacon_age) : -1.0, Comparison::at_most,
         in_seconds(t.proven_age), Unit::seconds, 0, "2(6)", true});
    conditions.require(facts.good_controls >= t.good_pairs, "too few good C since the start",
                       counted("good-controls", static_cast<double>(facts.good_controls),
                               Comparison::at_least, t.good_pairs, 0, "3"));
    conditions.require(facts.good_beacons >= t.good_pairs, "too few good B since the start",
                       counted("good-beacons", static_cast<double>(facts.good_beacons),
                               Comparison::at_least, t.good_pairs, 0, "3"));
    conditions.require(!facts.is_world_choosing, "a return was given up: the world chooses again",
                       {"choosing", facts.is_world_choosing ? 1.0 : 0.0, Comparison::is, 0,
                        Unit::truth, 0, "5", true});
    conditions.require(
        facts.veto.empty(), facts.veto,
        {"veto", facts.veto.empty() ? 0.0 : 1.0, Comparison::is, 0, Unit::truth, 0, "2(6)", true});
}

Place place_of(const Facts& facts) {
    switch (facts.sentinel) {
        case SentinelFacts::failed:
            return Place::inside;
        case SentinelFacts::good:
            return Place::beyond;
        case SentinelFacts::unknown:
            break;
    }
    return Place::unknown;
}

// Above a second kind that comes through nothing is dead.
bool are_pairs_dead(const Facts& facts) {
    return facts.control.is_dead && facts.beacon.is_dead && !is_second_kind_alive(facts);
}

bool is_uplink_dead(const Facts& facts) {
    if ((!facts.is_link_up || facts.is_bfd_down) && facts.is_tunnel_good)
        return true;
    return are_pairs_dead(facts) && facts.sentinel != SentinelFacts::good && facts.is_inbound_dead;
}

bool is_isolated(const Facts& facts) {
    return are_pairs_dead(facts) && facts.sentinel == SentinelFacts::good &&
           facts.is_inbound_dead && facts.is_tunnel_good_since;
}

bool is_congested(const Facts& facts, const Thresholds& t) {
    const bool is_full = facts.utilisation > t.port_full || facts.inbound_ratio > t.congestion;
    return is_full && facts.control.is_lossy && facts.beacon.is_lossy;
}

bool is_partial(const Facts& facts, const Thresholds& t) {
    if (facts.is_half_dead)
        return true;
    const auto& found = facts.findings;
    // The sum is there, but some of the block is alive: beacons, borders, replies or traffic.
    if (found.score < t.h || found.span < t.t_min)
        return false;
    return found.dead_beacons < found.beacons || !is_reply_allowed(found) ||
           facts.passive.band == Band::partial;
}

bool is_probe_filtered(const Facts& facts) {
    if (!facts.beacon.is_dead)
        return false;
    if (facts.passive.band == Band::normal)
        return true;
    if (is_second_kind_alive(facts) && facts.passive.band != Band::dead)
        return true;
    return facts.passive.band == Band::absent && facts.are_all_beacons_dead &&
           facts.sentinel == SentinelFacts::good;
}

bool is_unseen(const Facts& facts, const Thresholds& t) {
    return facts.findings.homed < t.homed_targets || !facts.findings.can_reach;
}

bool is_healthy(const Facts& facts) {
    return facts.is_link_up && !facts.control.is_failing && facts.control.is_known &&
           !facts.beacon.is_failing && facts.beacon.is_known;
}

// Rows that are calm or only warn: no veto holds them back.
Verdict calm_verdict(const Facts& facts, const Thresholds& t) {
    if (is_partial(facts, t))
        return Verdict::partial;
    // While a veto holds, B is missing for reasons of its own.
    if (is_probe_filtered(facts) && facts.veto.empty())
        return Verdict::probe_filtered;
    if (facts.control.is_dead && facts.beacon.is_good)
        return Verdict::control_bad;
    if (facts.sentinel_window.is_failing && is_healthy(facts) && facts.control.is_good &&
        facts.beacon.is_good)
        return Verdict::sentinel_bad;
    if (!facts.beacon_age || *facts.beacon_age > t.proven_age)
        return Verdict::never_proven;
    if (is_unseen(facts, t))
        return Verdict::unseen;
    if (is_healthy(facts))
        return Verdict::healthy;
    return Verdict::unclear;
}

std::string_view contradiction(const Facts& facts) {
    if (!facts.is_link_up)
        return "the link is down and no other uplink's T is good";
    if (facts.control.is_failing && facts.beacon.is_failing) {
        if (facts.sentinel == SentinelFacts::good)
            return "all targets are lost, but the provider's own hosts answer";
        if (facts.passive.band == Band::normal || facts.passive.band == Band::partial)
            return "all targets are lost, but traffic comes in";
        return "C and B are lost together";
    }
    if (facts.beacon.is_failing && is_second_kind_alive(facts))
        return "ICMP to the block and its traffic are lost, but TCP or UDP comes through";
    if (facts.beacon.is_failing)
        return "B is lost and C is good";
    if (facts.control.is_failing)
        return "C is lost and B is good";
    return "C or B has not been heard yet";
}

void add_classes(const Facts& facts, std::vector<Figure>& figures) {
    const auto add = [&](std::string_view name, const ClassFacts& of) {
        if (of.is_known)
            figures.push_back(
                {name, of.loss, Comparison::none, 0, Unit::ratio, 0, "3", !of.is_failing});
    };
    add("control-loss", facts.control);
    add("beacon-loss", facts.beacon);
    add("sentinel-loss", facts.sentinel_window);
    figures.push_back({"inbound-share", facts.passive.share, Comparison::none, 0, Unit::ratio, 0,
                       "1", facts.passive.band != Band::dead});
}

void add_congestion(const Facts& facts, const Thresholds& t, std::vector<Figure>& figures) {
    figures.push_back({"utilisation", facts.utilisation, Comparison::above, t.port_full,
                       Unit::ratio, 0, "3", facts.utilisation > t.port_full});
    figures.push_back({"inbound-ratio", facts.inbound_ratio, Comparison::above, t.congestion,
                       Unit::none, 0, "3", facts.inbound_ratio > t.congestion});
}

std::string_view note_on_dead(const Facts& facts) {
    if (!facts.is_link_up)
        return "the link is down; T is good on another uplink";
    if (facts.is_bfd_down)
        return "BFD is down; T is good on another uplink";
    if (facts.sentinel == SentinelFacts::good)
        return "C and B are dead, the provider's own hosts answer, inbound is dead";
    return "C, B and inbound are dead";
}

std::string_view note_on_place(Place place) {
    switch (place) {
        case Place::inside:
            return "S failed since the onset";
        case Place::beyond:
            return "S answers since the onset";
        case Place::unknown:
            break;
    }
    return "S says nothing since the onset";
}

// In words what has no figure.
std::string_view note_on(const Facts& facts, const Judgement& judgement) {
    switch (judgement.verdict) {
        case Verdict::dataplane_down:
            return facts.is_telemetry_lost ? "telemetry of the data plane is lost"
                                           : "all links lost carrier together";
        case Verdict::local_fault:
            return "every kind of evidence of every uplink ended at once";
        case Verdict::away:
            return "not announced here";
        case Verdict::session_down:
            return facts.session == SessionState::down_refused
                       ? "the neighbour closed the BGP session on purpose; carrier is up"
                       : "the BGP session is down, no graceful restart runs, carrier is up";
        case Verdict::uplink_dead:
        case Verdict::uplink_isolated:
            return note_on_dead(facts);
        case Verdict::roa_invalid:
            return "the RPKI cache says our announcement is invalid";
        case Verdict::hijack:
            return "the block was seen with a foreign origin";
        case Verdict::attacked:
        case Verdict::nullrouted:
            return note_on_place(judgement.place);
        case Verdict::partial:
            return facts.is_half_dead ? facts.half_dead_note
                                      : "the score is reached, but some of the block is alive";
        case Verdict::probe_filtered:
            return facts.passive.band == Band::normal ? "B is lost, but inbound traffic is normal"
                   : is_second_kind_alive(facts)
                       ? "ICMP to the block is lost, but TCP or UDP comes through"
                       : "every B on the uplink is lost, but the provider's own hosts answer";
        case Verdict::unclear:
            return contradiction(facts);
        default:
            return {};
    }
}

}  // namespace

std::string_view missing_condition(const Facts& facts, const Thresholds& t,
                                   std::vector<Figure>* figures) {
    Conditions conditions(figures);
    const auto& found = facts.findings;
    conditions.require(
        found.score + 1e-9 >= t.h, "the score is below h",
        {"score", found.score, Comparison::at_least, t.h, Unit::none, 0, "2(1)", true});
    require_breadth(conditions, found, t);
    require_duration(conditions, found, t);
    require_kinds(conditions, facts, t);
    conditions.require(found.control_share() <= found.control_allowed,
                       "C is lost too: the burst is void",
                       {"control-loss", found.control_share(), Comparison::at_most,
                        found.control_allowed, Unit::ratio, 0, "2(5)", true});
    require_past(conditions, facts, t);
    return conditions.missing();
}

Judgement judge(const Facts& facts, const Thresholds& t) {
    if (facts.is_telemetry_lost || facts.are_links_down)
        return {Verdict::dataplane_down};
    if (facts.are_all_dead)
        return {Verdict::local_fault};
    if (!facts.is_announced)
        return {Verdict::away};
    // What acts, or may by policy, waits until no veto holds and a link-down has settled.
    if (!facts.veto.empty() || facts.is_link_settling)
        return {calm_verdict(facts, t)};
    const bool is_session_lost =
        facts.session == SessionState::down || facts.session == SessionState::down_refused;
    if (facts.has_session && is_session_lost && facts.is_link_up)
        return {Verdict::session_down};
    if (is_uplink_dead(facts))
        return {Verdict::uplink_dead};
    if (is_isolated(facts))
        return {Verdict::uplink_isolated};
    if (is_congested(facts, t))
        return {Verdict::congested};
    if (facts.origin == OriginState::State::roa_invalid)
        return {Verdict::roa_invalid};
    if (facts.origin == OriginState::State::foreign_origin)
        return {Verdict::hijack};
    // The cheap half of section 2 first: nearly always there is no score at all.
    if (facts.findings.score + 1e-9 >= t.h && missing_condition(facts, t).empty())
        return {facts.attack.is_seen ? Verdict::attacked : Verdict::nullrouted, place_of(facts)};
    return {calm_verdict(facts, t)};
}

Explanation explain(const Facts& facts, const Thresholds& t, const Judgement& judgement) {
    Explanation why;
    why.rule = to_string(judgement.verdict);
    auto& figures = why.figures;
    switch (judgement.verdict) {
        case Verdict::uplink_dead:
        case Verdict::uplink_isolated:
        case Verdict::probe_filtered:
        case Verdict::control_bad:
        case Verdict::sentinel_bad:
        case Verdict::healthy:
            add_classes(facts, figures);
            break;
        case Verdict::congested:
            add_classes(facts, figures);
            add_congestion(facts, t, figures);
            break;
        case Verdict::attacked:
            figures.push_back({"attack-peak", facts.attack.peak, Comparison::above,
                               t.attack * facts.attack.p95, Unit::rate, 0, "3", true});
            why.missing = missing_condition(facts, t, &figures);
            break;
        case Verdict::nullrouted:
        case Verdict::partial:
            why.missing = missing_condition(facts, t, &figures);
            break;
        case Verdict::unseen:
            figures.push_back(counted("homed-targets", facts.findings.homed, Comparison::at_least,
                                      t.homed_targets, 0, "1"));
            why.missing = facts.findings.homed < t.homed_targets
                              ? "too few targets whose last reply came this way"
                              : "the caps of the targets that speak do not sum to h";
            break;
        case Verdict::never_proven:
            why.missing = "no reply to the block came this way within 24 h";
            break;
        case Verdict::unclear:
            add_classes(facts, figures);
            why.missing = missing_condition(facts, t, &figures);
            if (!facts.veto.empty())
                why.missing = facts.veto;
            break;
        default:
            break;
    }
    if (facts.is_blackhole_told && !is_calm(judgement.verdict))
        figures.push_back({"blackhole-told", 1, Comparison::is, 1, Unit::truth, 0, "1", true});
    why.note = note_on(facts, judgement);
    if (judgement.verdict == Verdict::hijack)
        why.note += ", AS" + std::to_string(facts.foreign_origin.value);
    return why;
}

}  // namespace detour::decision
