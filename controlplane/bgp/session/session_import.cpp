// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// From what a peer told us to what is believed: nobody may believe it (policy/import.h), our
// operator does not want it (policy/filter.h), it is too much (max-prefixes). What is refused stays
// in the Adj-RIB-In, so that it can be shown, and other rules need no answer of the peer.
#include <fmt/format.h>

#include <unordered_map>
#include <utility>

#include "controlplane/bgp/session/session.h"

namespace detour::bgp {

namespace {

// What is common to the prefixes of one set of attributes.
class AttributesJudged {
 public:
    AttributesJudged(const PathAttributes& attributes, const ImportContext& context,
                     const ImportFilter* filter)
        : common_(judge_attributes(attributes, context)), filter_(filter) {
        if (common_ == Refusal::none && filter)
            chosen_ = filter->choose(attributes);
    }

    [[nodiscard]] AdjRibIn::Judgement of(const Prefix& prefix) const {
        if (common_ != Refusal::none)
            return {common_};
        if (const Refusal refusal = judge_prefix(prefix); refusal != Refusal::none || !filter_)
            return {refusal};
        const ImportFilter::Judgement judged = filter_->judge(chosen_, prefix);
        if (judged.verdict == ImportRule::Verdict::accept)
            return {};
        return {judged.rule == 0 ? Refusal::by_no_rule : Refusal::by_rule, judged.rule};
    }

 private:
    Refusal common_;
    const ImportFilter* filter_;
    ImportFilter::Chosen chosen_;
};

}  // namespace

// What a session takes over as it stands.
void Session::adjust(Turn turn, PeerConfig config) {
    if (config_.opening != config.opening)
        set_opening(config.opening);
    const bool has_other_rules = config_.import != config.import;
    const bool has_other_limit = config_.max_prefixes != config.max_prefixes ||
                                 config_.max_prefixes_warning != config.max_prefixes_warning;
    const bool is_awaited = is_over_limit_ && config.max_prefixes > config_.max_prefixes;
    config_ = std::move(config);
    primary_->fsm.set_timers(config_.timers);
    declare();
    if (has_other_rules)
        judge_again(turn);
    if (has_other_limit) {
        has_warned_ = {};
        for (const Family family : families)
            warn_of_prefixes(turn, family);
    }
    // A higher limit is what it waited for.
    if (is_awaited && !is_stopped_)
        return start(turn);
    pump(turn);
    settle(turn);
}

void Session::take_withdrawn(Turn turn, const Update& update) {
    std::vector<Prefix> gone;
    for (const auto& prefixes : update.withdrawn)
        for (const Prefix& prefix : prefixes)
            if (in_.withdraw(prefix) == AdjRibIn::Effect::withdrawn)
                gone.push_back(prefix);
    if (!gone.empty())
        turn.out.emplace_back(RoutesWithdrawn{config_.id, std::move(gone)});
}

// False when there are more than we allow; what was learned until then was told.
bool Session::take_reachable(Turn turn, const ReachableRoutes& routes) {
    const std::vector<Address> own = own_addresses();
    const ImportContext context{local_.asn, config_.asn, own, config_.role};
    std::shared_ptr<const PathAttributes> attributes = routes.attributes;
    if (needs_mark(*attributes, context)) {
        PathAttributes marked = *attributes;
        marked.only_to_customer = config_.asn;
        attributes = std::make_shared<const PathAttributes>(std::move(marked));
    }
    const AttributesJudged judged(*attributes, context, filter_ ? &*filter_ : nullptr);
    std::vector<Prefix> learned;
    std::vector<Prefix> gone;
    for (const Prefix& prefix : routes.prefixes) {
        const AdjRibIn::Judgement judgement = judged.of(prefix);
        switch (in_.replace(prefix, {attributes, judgement.refusal, false, judgement.rule})) {
            case AdjRibIn::Effect::learned:
                learned.push_back(prefix);
                break;
            case AdjRibIn::Effect::withdrawn:
                gone.push_back(prefix);
                break;
            case AdjRibIn::Effect::nothing:
                break;
        }
        if (in_.route_count(routes.family) > config_.max_prefixes)
            break;
    }
    if (!learned.empty())
        turn.out.emplace_back(RoutesLearned{config_.id, attributes, std::move(learned)});
    if (!gone.empty())
        turn.out.emplace_back(RoutesWithdrawn{config_.id, std::move(gone)});
    warn_of_prefixes(turn, routes.family);
    return in_.route_count(routes.family) <= config_.max_prefixes;
}

bool Session::is_near_limit(Family family) const {
    return config_.max_prefixes_warning < 100 &&
           std::uint64_t{in_.route_count(family)} * 100 >
               std::uint64_t{config_.max_prefixes} * config_.max_prefixes_warning;
}

// Once in a session: what is above the line now and below it a moment later is no news.
void Session::warn_of_prefixes(Turn turn, Family family) {
    const auto index = static_cast<std::size_t>(family);
    if (!is_near_limit(family) || std::exchange(has_warned_[index], true))
        return;
    remark(turn, Remark::Level::warning,
           fmt::format("{} {} prefixes came, more than {} % of the {} that end the session",
                       in_.route_count(family), to_string(family), config_.max_prefixes_warning,
                       config_.max_prefixes));
}

void Session::exceed_prefixes(Turn turn, Link& link, Family family) {
    // RFC 4486 4: "the message MAY include ... Address Family information and the upper bound".
    Bytes data;
    ByteWriter writer(data);
    writer.u16(afi_of(family));
    writer.u8(safi_unicast);
    writer.u32(config_.max_prefixes);
    const auto& restart = config_.timers.max_prefix_restart;
    // RFC 4271 8.2.2: a manual stop is what no timer ends.
    FsmInput input{restart ? Event::automatic_stop : Event::manual_stop};
    input.notification = Notification(CeaseReason::max_prefixes, std::move(data));
    input.idle_hold = restart;
    is_over_limit_ = true;
    apply(turn, link, input,
          SessionError{DownReason::max_prefixes, std::nullopt,
                       fmt::format("more than {} {} prefixes{}", config_.max_prefixes,
                                   to_string(family), restart ? "" : "; it waits for a clear")});
}

void Session::set_filter() {
    filter_.reset();
    if (config_.import)
        filter_.emplace(*config_.import);
}

void Session::judge_again(Turn turn) {
    set_filter();
    const std::vector<Address> own = own_addresses();
    const ImportContext context{local_.asn, config_.asn, own, config_.role};
    std::unordered_map<const PathAttributes*, AttributesJudged> judged;
    AdjRibIn::Changes changes = in_.judge_again([&](const Prefix& prefix,
                                                    const PathAttributes& attributes) {
        return judged.try_emplace(&attributes, attributes, context, filter_ ? &*filter_ : nullptr)
            .first->second.of(prefix);
    });
    // Those with equal attributes together, in the order of their first prefixes.
    std::vector<RoutesLearned> learned;
    std::unordered_map<const PathAttributes*, std::size_t> places;
    for (const Prefix& prefix : changes.learned) {
        const auto& attributes = in_.routes().at(prefix).attributes;
        const auto [place, is_new] = places.try_emplace(attributes.get(), learned.size());
        if (is_new)
            learned.push_back({config_.id, attributes, {}});
        learned[place->second].prefixes.push_back(prefix);
    }
    for (RoutesLearned& routes : learned)
        turn.out.emplace_back(std::move(routes));
    if (!changes.withdrawn.empty())
        turn.out.emplace_back(RoutesWithdrawn{config_.id, std::move(changes.withdrawn)});
}

std::vector<Address> Session::own_addresses() const {
    std::vector<Address> addresses{config_.transport.local};
    for (const auto& next_hop : config_.next_hops)
        if (next_hop)
            addresses.push_back(*next_hop);
    return addresses;
}

}  // namespace detour::bgp
