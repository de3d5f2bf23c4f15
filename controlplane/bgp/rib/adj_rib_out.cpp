// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/bgp/rib/adj_rib_out.h"

#include <algorithm>
#include <utility>

#include "controlplane/bgp/wire/message.h"
#include "controlplane/bgp/wire/update.h"

namespace detour::bgp {

namespace {

constexpr std::uint32_t default_local_pref = 100;

template <class Item>
std::vector<Item> as_set(std::vector<Item> items) {
    std::ranges::sort(items);
    const auto repeated = std::ranges::unique(items);
    items.erase(repeated.begin(), repeated.end());
    return items;
}

// An upper bound of the attributes' size in any encoding: the path twice (AS4_PATH).
std::size_t size_bound(const Announcement& announcement) {
    constexpr std::size_t fixed = 128;
    return fixed + 8 * (announcement.prepend + 1U) + 4 * announcement.communities.size() +
           12 * announcement.large_communities.size();
}

}  // namespace

void AdjRibOut::declare(std::set<Prefix> declared, const ExportContext& context) {
    declared_ = std::move(declared);
    context_ = context;
    for (auto& [prefix, slot] : slots_) {
        if (slot.wanted && !refusal(prefix, *slot.wanted).empty())
            slot.wanted.reset();
        consider(prefix, slot);
    }
}

std::vector<AdjRibOut::Refused> AdjRibOut::want(const AnnouncementSet& set) {
    std::vector<Refused> refused;
    for (auto& [prefix, slot] : slots_)
        slot.wanted.reset();
    for (const auto& [prefix, announcement] : set) {
        if (std::string reason = refusal(prefix, announcement); !reason.empty())
            refused.push_back({prefix, std::move(reason)});
        else
            slots_[prefix].wanted = announcement;
    }
    for (const auto& [prefix, slot] : slots_)
        consider(prefix, slot);
    std::erase_if(slots_,
                  [](const auto& item) { return !item.second.wanted && !item.second.sent; });
    return refused;
}

std::string AdjRibOut::refusal(const Prefix& prefix, const Announcement& announcement) const {
    if (!declared_.contains(prefix))
        return "not declared in the configuration";
    if (!context_.next_hops[static_cast<std::size_t>(prefix.family())])
        return "the peer's link has no address of its family";
    if (size_bound(announcement) > max_message_size - 512)
        return "its attributes do not fit a message";
    return {};
}

void AdjRibOut::open(const Negotiated& negotiated) {
    close();
    is_open_ = true;
    negotiated_ = negotiated;
    for (const auto& [prefix, slot] : slots_)
        consider(prefix, slot);
}

void AdjRibOut::close() {
    is_open_ = false;
    pending_.clear();
    in_flight_.clear();
    std::erase_if(slots_, [](const auto& item) { return !item.second.wanted; });
    for (auto& [prefix, slot] : slots_) {
        slot.sent.reset();
        slot.must_resend = false;
    }
}

void AdjRibOut::resend(Family family) {
    for (auto& [prefix, slot] : slots_)
        if (prefix.family() == family && slot.sent) {
            slot.must_resend = true;
            consider(prefix, slot);
        }
}

void AdjRibOut::consider(const Prefix& prefix, const Slot& slot) {
    const bool is_carried = is_open_ && negotiated_.carries(prefix.family());
    if (is_carried && (slot.wanted != slot.sent || slot.must_resend))
        pending_.insert(prefix);
    else
        pending_.erase(prefix);
}

AdjRibOut::Step AdjRibOut::take(Bytes& out, std::size_t budget) {
    Step step;
    ++version_;
    const std::size_t limit = out.size() + budget;
    take_announcements(out, limit, step);
    take_withdrawals(out, limit, step);
    std::ranges::sort(step.announced);
    return step;
}

void AdjRibOut::take_announcements(Bytes& out, std::size_t limit, Step& step) {
    const AsWidth width = negotiated_.has_four_octet_as ? AsWidth::four : AsWidth::two;
    std::map<std::pair<Family, Announcement>, std::vector<Prefix>> groups;
    for (const Prefix& prefix : pending_)
        if (const Slot& slot = slots_.at(prefix); slot.wanted)
            groups[{prefix.family(), *slot.wanted}].push_back(prefix);

    for (const auto& [key, prefixes] : groups) {
        const PathAttributes attributes = attributes_of(key.second, key.first);
        std::span<const Prefix> rest = prefixes;
        while (!rest.empty() && out.size() < limit) {
            const auto these = rest.first(encode_announcement(out, attributes, rest, width));
            ++step.message_count;
            for (const Prefix& prefix : these) {
                Slot& slot = slots_.at(prefix);
                slot.sent = slot.wanted;
                slot.must_resend = false;
                slot.version = version_;
                pending_.erase(prefix);
                step.announced.push_back(prefix);
            }
            rest = rest.subspan(these.size());
        }
    }
}

void AdjRibOut::take_withdrawals(Bytes& out, std::size_t limit, Step& step) {
    std::array<std::vector<Prefix>, 2> withdrawn;
    for (const Prefix& prefix : pending_)
        if (!slots_.at(prefix).wanted)
            withdrawn[static_cast<std::size_t>(prefix.family())].push_back(prefix);

    for (const auto& prefixes : withdrawn) {
        std::span<const Prefix> rest = prefixes;
        while (!rest.empty() && out.size() < limit) {
            const auto these = rest.first(encode_withdrawal(out, rest));
            ++step.message_count;
            for (const Prefix& prefix : these) {
                slots_.erase(prefix);
                pending_.erase(prefix);
                step.withdrawn.push_back(prefix);
            }
            rest = rest.subspan(these.size());
        }
    }
}

void AdjRibOut::sent(const Step& step, std::uint64_t end) {
    if (!step.empty())
        in_flight_.push_back({end, version_, step});
}

AdjRibOut::Step AdjRibOut::acknowledged(std::uint64_t offset) {
    Step result;
    while (!in_flight_.empty() && in_flight_.front().end <= offset) {
        const InFlight& done = in_flight_.front();
        acknowledged_version_ = done.version;
        for (const Prefix& prefix : done.step.announced)
            if (is_current(prefix, done.version))
                result.announced.push_back(prefix);
        for (const Prefix& prefix : done.step.withdrawn)
            if (!slots_.contains(prefix))
                result.withdrawn.push_back(prefix);
        in_flight_.pop_front();
    }
    std::ranges::sort(result.announced);
    std::ranges::sort(result.withdrawn);
    return result;
}

// The message of that version is the last about this prefix, and says what is wanted now.
bool AdjRibOut::is_current(const Prefix& prefix, std::uint64_t version) const {
    const auto slot = slots_.find(prefix);
    return slot != slots_.end() && slot->second.version == version &&
           slot->second.wanted == slot->second.sent;
}

std::size_t AdjRibOut::announced_count(Family family) const {
    return static_cast<std::size_t>(std::ranges::count_if(slots_, [&](const auto& item) {
        return item.first.family() == family && item.second.sent;
    }));
}

std::vector<AnnouncementView> AdjRibOut::view() const {
    std::vector<AnnouncementView> views;
    for (const auto& [prefix, slot] : slots_) {
        if (!slot.wanted)
            continue;
        Progress progress = Progress::pending;
        if (slot.wanted == slot.sent && !slot.must_resend)
            progress =
                slot.version <= acknowledged_version_ ? Progress::acknowledged : Progress::sent;
        views.push_back({prefix, *slot.wanted, progress});
    }
    return views;
}

PathAttributes AdjRibOut::attributes_of(const Announcement& announcement, Family family) const {
    PathAttributes attributes;
    if (context_.scope == PeerScope::external)
        attributes.as_path = AsPath::repeated(context_.own_asn, announcement.prepend + 1U);
    else
        attributes.local_pref = default_local_pref;
    attributes.next_hop = *context_.next_hops[static_cast<std::size_t>(family)];
    attributes.med = announcement.med;
    attributes.communities = as_set(announcement.communities);
    attributes.large_communities = as_set(announcement.large_communities);
    return attributes;
}

}  // namespace detour::bgp
