// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/bgp/rib/adj_rib_out.h"

#include <algorithm>
#include <tuple>
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

// RFC 9234 5: "If a route is to be advertised to a Customer, a Peer, or an RS-Client (when the
// sender is an RS), and the OTC Attribute is not present, then when advertising the route, an OTC
// Attribute MUST be added with a value equal to the AS number of the local AS."
bool marks_leaks(Role role) {
    return role == Role::provider || role == Role::peer || role == Role::route_server;
}

}  // namespace

// Prefixes that go out with the same attributes, in order.
struct AdjRibOut::Group {
    Family family = Family::ipv4;
    Wish wish;
    std::vector<Index> slots;
    std::vector<Prefix> prefixes;
};

void AdjRibOut::declare(std::set<Prefix> declared, const ExportContext& context) {
    context_ = context;
    if (declared != declared_) {
        declared_ = std::move(declared);
        std::vector<Slot> slots;
        slots.reserve(declared_.size());
        auto old = slots_.begin();
        // Of those that are declared no more only what the peer still has is kept.
        const auto keep_until = [&](const Prefix* end) {
            for (; old != slots_.end() && (!end || old->prefix < *end); ++old)
                if (old->sent) {
                    old->is_declared = false;
                    slots.push_back(std::move(*old));
                }
        };
        for (const Prefix& prefix : declared_) {
            keep_until(&prefix);
            if (old != slots_.end() && old->prefix == prefix)
                slots.push_back(std::move(*old++));
            else
                slots.emplace_back().prefix = prefix;
            slots.back().is_declared = true;
        }
        keep_until(nullptr);
        replace_slots(std::move(slots));
    }
    for (Slot& slot : slots_)
        if (slot.wanted && !refusal(&slot, *slot.wanted).empty())
            slot.wanted.reset();
    consider_all();
}

// What counts slots by their place is told of the new places.
void AdjRibOut::replace_slots(std::vector<Slot> slots) {
    const std::vector<Slot> before = std::exchange(slots_, std::move(slots));
    std::vector<std::optional<Index>> places(before.size());
    std::size_t hint = 0;
    for (std::size_t i = 0; i < before.size(); ++i)
        if (const Slot* slot = find(before[i].prefix, hint))
            places[i] = static_cast<Index>(slot - slots_.data());
    for (InFlight& flight : in_flight_) {
        std::erase_if(flight.slots, [&](Index index) { return !places[index]; });
        for (Index& index : flight.slots)
            index = *places[index];
    }
    pending_.clear();
    pending_count_ = 0;
    for (Slot& slot : slots_)
        slot.is_pending = slot.is_listed = false;
}

std::vector<AdjRibOut::Refused> AdjRibOut::want(const AnnouncementSet& set) {
    std::vector<Refused> refused;
    for (Slot& slot : slots_)
        slot.wanted.reset();
    std::size_t hint = 0;
    for (const auto& [prefix, announcement] : set) {
        Slot* slot = find(prefix, hint);
        if (std::string reason = refusal(slot, announcement); !reason.empty())
            refused.push_back({prefix, std::move(reason)});
        else
            slot->wanted = shared(announcement);
    }
    consider_all();
    return refused;
}

std::vector<AdjRibOut::Refused> AdjRibOut::change(const AnnouncementChange& change) {
    std::vector<Refused> refused;
    const Wish wish = change.announcement ? shared(*change.announcement) : nullptr;
    std::size_t hint = 0;
    for (const Prefix& prefix : change.prefixes) {
        Slot* slot = find(prefix, hint);
        if (std::string reason = wish ? refusal(slot, *wish) : ""; !reason.empty()) {
            refused.push_back({prefix, std::move(reason)});
        } else if (slot) {  // what was never there is withdrawn
            slot->wanted = wish;
            consider(*slot);
        }
    }
    return refused;
}

AdjRibOut::Wish AdjRibOut::shared(const Announcement& announcement) {
    auto& known = shared_[announcement];
    Wish wish = known.lock();
    if (wish)
        return wish;
    wish = std::make_shared<const Announcement>(announcement);
    known = wish;
    std::erase_if(shared_, [](const auto& item) { return item.second.expired(); });
    return wish;
}

const AdjRibOut::Slot* AdjRibOut::find(const Prefix& prefix) const {
    const auto slot = std::ranges::lower_bound(slots_, prefix, {}, &Slot::prefix);
    return slot != slots_.end() && slot->prefix == prefix ? &*slot : nullptr;
}

AdjRibOut::Slot* AdjRibOut::find(const Prefix& prefix, std::size_t& hint) {
    if (hint >= slots_.size() || slots_[hint].prefix != prefix) {
        const auto slot = std::ranges::lower_bound(slots_, prefix, {}, &Slot::prefix);
        if (slot == slots_.end() || slot->prefix != prefix)
            return nullptr;
        hint = static_cast<std::size_t>(slot - slots_.begin());
    }
    return &slots_[hint++];
}

std::string AdjRibOut::refusal(const Slot* slot, const Announcement& announcement) const {
    if (!slot || !slot->is_declared)
        return "not declared in the configuration";
    if (!context_.next_hops[static_cast<std::size_t>(slot->prefix.family())])
        return "the peer's link has no address of its family";
    if (size_bound(announcement) > max_message_size - 512)
        return "its attributes do not fit a message";
    return {};
}

void AdjRibOut::open(const Negotiated& negotiated) {
    close();
    is_open_ = true;
    negotiated_ = negotiated;
    consider_all();
}

void AdjRibOut::close() {
    is_open_ = false;
    in_flight_.clear();
    taken_.clear();
    std::erase_if(slots_, [](const Slot& slot) { return !slot.is_declared; });
    pending_.clear();
    pending_count_ = 0;
    announced_counts_ = {};
    for (Slot& slot : slots_) {
        slot.sent.reset();
        slot.version = 0;
        slot.must_resend = slot.is_pending = slot.is_listed = false;
    }
}

void AdjRibOut::resend(Family family) {
    for (Slot& slot : slots_)
        if (slot.prefix.family() == family && slot.sent) {
            slot.must_resend = true;
            consider(slot);
        }
}

void AdjRibOut::consider(Slot& slot) {
    const bool is_carried = is_open_ && negotiated_.carries(slot.prefix.family());
    const bool is_pending = is_carried && (slot.wanted != slot.sent || slot.must_resend);
    if (is_pending == slot.is_pending)
        return;
    slot.is_pending = is_pending;
    if (!is_pending) {
        --pending_count_;
        return;
    }
    ++pending_count_;
    if (!std::exchange(slot.is_listed, true))
        pending_.push_back(static_cast<Index>(&slot - slots_.data()));
}

void AdjRibOut::consider_all() {
    for (Slot& slot : slots_)
        consider(slot);
}

AdjRibOut::Step AdjRibOut::take(Bytes& out, std::size_t budget) {
    Step step;
    ++version_;
    taken_.clear();
    std::ranges::sort(pending_);
    const std::size_t limit = out.size() + budget;
    take_announcements(out, limit, step);
    take_withdrawals(out, limit, step);
    std::erase_if(pending_, [&](Index index) {
        Slot& slot = slots_[index];
        slot.is_listed = slot.is_pending;
        return !slot.is_pending;
    });
    std::ranges::sort(step.announced);
    return step;
}

// What is to be announced, by what it has in common; the order is that of the attributes.
std::vector<AdjRibOut::Group> AdjRibOut::grouped() const {
    std::vector<Group> groups;
    std::map<std::pair<Family, const Announcement*>, std::size_t> places;
    for (const Index index : pending_) {
        const Slot& slot = slots_[index];
        if (!slot.is_pending || !slot.wanted)
            continue;
        const Family family = slot.prefix.family();
        const auto [place, is_new] = places.try_emplace({family, slot.wanted.get()}, groups.size());
        if (is_new)
            groups.push_back({family, slot.wanted, {}, {}});
        groups[place->second].slots.push_back(index);
        groups[place->second].prefixes.push_back(slot.prefix);
    }
    std::ranges::sort(groups, [](const Group& a, const Group& b) {
        return std::tie(a.family, *a.wish) < std::tie(b.family, *b.wish);
    });
    return groups;
}

void AdjRibOut::take_announcements(Bytes& out, std::size_t limit, Step& step) {
    const UpdateForm form(negotiated_);
    for (const Group& group : grouped()) {
        const PathAttributes attributes = attributes_of(*group.wish, group.family);
        for (std::size_t at = 0; at < group.prefixes.size() && out.size() < limit;) {
            const std::size_t count =
                encode_announcement(out, attributes, std::span(group.prefixes).subspan(at), form);
            ++step.message_count;
            for (const std::size_t end = at + count; at < end; ++at) {
                Slot& slot = slots_[group.slots[at]];
                set_sent(slot, slot.wanted);
                step.announced.push_back(slot.prefix);
                note_taken(slot);
            }
        }
    }
}

void AdjRibOut::take_withdrawals(Bytes& out, std::size_t limit, Step& step) {
    const UpdateForm form(negotiated_);
    std::array<std::vector<Index>, 2> slots;
    std::array<std::vector<Prefix>, 2> prefixes;
    for (const Index index : pending_)
        if (const Slot& slot = slots_[index]; slot.is_pending && !slot.wanted) {
            slots[static_cast<std::size_t>(slot.prefix.family())].push_back(index);
            prefixes[static_cast<std::size_t>(slot.prefix.family())].push_back(slot.prefix);
        }
    for (std::size_t family = 0; family < families.size(); ++family)
        for (std::size_t at = 0; at < slots[family].size() && out.size() < limit;) {
            const std::size_t count =
                encode_withdrawal(out, std::span(prefixes[family]).subspan(at), form);
            ++step.message_count;
            for (const std::size_t end = at + count; at < end; ++at) {
                Slot& slot = slots_[slots[family][at]];
                set_sent(slot, nullptr);
                step.withdrawn.push_back(slot.prefix);
                note_taken(slot);
            }
        }
}

void AdjRibOut::set_sent(Slot& slot, Wish sent) {
    auto& count = announced_counts_[static_cast<std::size_t>(slot.prefix.family())];
    count += (sent ? 1U : 0U);
    count -= (slot.sent ? 1U : 0U);
    slot.sent = std::move(sent);
}

void AdjRibOut::note_taken(Slot& slot) {
    slot.must_resend = false;
    slot.version = version_;
    consider(slot);
    taken_.push_back(static_cast<Index>(&slot - slots_.data()));
}

void AdjRibOut::sent(const Step& step, std::uint64_t end) {
    if (!step.empty())
        in_flight_.push_back({end, version_, std::exchange(taken_, {})});
}

AdjRibOut::Step AdjRibOut::acknowledged(std::uint64_t offset) {
    Step result;
    while (!in_flight_.empty() && in_flight_.front().end <= offset) {
        const InFlight& done = in_flight_.front();
        acknowledged_version_ = done.version;
        for (const Index index : done.slots) {
            const Slot& slot = slots_[index];
            // Its last message, and it says what is wanted now.
            if (slot.version == done.version && slot.wanted == slot.sent)
                (slot.sent ? result.announced : result.withdrawn).push_back(slot.prefix);
        }
        in_flight_.pop_front();
    }
    std::ranges::sort(result.announced);
    std::ranges::sort(result.withdrawn);
    return result;
}

Progress AdjRibOut::progress(const Slot& slot) const {
    if (slot.wanted != slot.sent || slot.must_resend)
        return Progress::pending;
    return slot.version <= acknowledged_version_ ? Progress::acknowledged : Progress::sent;
}

WishProgress AdjRibOut::progress(const Prefix& prefix) const {
    const Slot* slot = find(prefix);
    if (!slot)
        return {WishProgress::Wish::nothing, Progress::acknowledged};
    return {slot->wanted ? WishProgress::Wish::announcement : WishProgress::Wish::nothing,
            progress(*slot)};
}

std::vector<AnnouncementView> AdjRibOut::view() const {
    std::vector<AnnouncementView> views;
    for (const Slot& slot : slots_)
        if (slot.wanted)
            views.push_back(
                {slot.prefix, progress(slot), attributes_of(*slot.wanted, slot.prefix.family())});
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
    if (context_.role && marks_leaks(*context_.role))
        attributes.only_to_customer = context_.own_asn;
    return attributes;
}

}  // namespace detour::bgp
