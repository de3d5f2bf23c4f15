// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The reconciler's ear: notifications change its picture, and what concerns an object of ours is a
// cause to compare and to look again. Our own operations come back here, too; they say what the
// picture already holds and change nothing.
#include "controlplane/kernel/plan/apply.h"
#include "controlplane/kernel/reconciler.h"

namespace detour::kernel {
namespace {

// Datagrams a turn; a notification is one each.
constexpr int drain_limit = 4096;

}  // namespace

void Reconciler::drain_notices() {
    for (int datagrams = 0; datagrams < drain_limit; ++datagrams) {
        const auto got = monitor_.receive([&](const nlmsghdr& message) {
            if (const auto notice = decode(message))
                note(*notice);
        });
        if (!got) {
            falter(got.error());
            return;
        }
        if (*got == Socket::Reception::empty)
            return;
        if (*got == Socket::Reception::overrun) {
            ++counters_.overruns;
            concern(Cause::overrun);
        }
    }
}

void Reconciler::concern(Cause cause) {
    // A link event explains whatever else vanished with the link.
    if (!concern_ || cause == Cause::link)
        concern_ = cause;
}

void Reconciler::note(const Notice& notice) {
    struct Dispatch {
        Reconciler& reconciler;
        Presence presence;

        void operator()(const plan::Link& link) const { reconciler.note_link(link, presence); }
        void operator()(const Notice::Address& address) const {
            reconciler.note_address(address, presence);
        }
        void operator()(const Notice::Rule& rule) const { reconciler.note_rule(rule, presence); }
        void operator()(const plan::Nexthop& nexthop) const {
            reconciler.note_nexthop(nexthop, presence);
        }
        void operator()(const plan::Route& route) const { reconciler.note_route(route, presence); }
        void operator()(const Neighbour& neighbour) const {
            reconciler.facts_.note(neighbour, presence);
        }
    };
    std::visit(Dispatch{*this, notice.presence}, notice.object);
}

void Reconciler::note_link(const plan::Link& link, Presence presence) {
    const auto found = actual_.links.find(link.index);
    const bool was_there = found != actual_.links.end();
    bool is_ours = desired_.links.contains(link.name);
    if (presence == Presence::absent) {
        prepared_.erase(link.index);
        raised_.erase(link.index);
        if (!was_there)
            return;
        is_ours |= desired_.links.contains(found->second.name);
        is_changed_ = true;
        plan::forget(actual_, link.index);
    } else {
        if (was_there && found->second == link)
            return;
        if (was_there)
            is_ours |= desired_.links.contains(found->second.name);
        is_changed_ = true;
        if (link.is_up)
            raised_.insert(link.index);
        actual_.links.insert_or_assign(link.index, link);
        // The kernel has flushed what hung on it, and this is the only message about that.
        if (!link.is_usable())
            plan::flush(actual_, link.index);
    }
    if (is_ours)
        concern(Cause::link);
}

void Reconciler::note_address(const Notice::Address& address, Presence presence) {
    const auto& [key, state] = address;
    const auto found = actual_.addresses.find(key);
    const bool was_there = found != actual_.addresses.end();
    is_changed_ |= !was_there || presence == Presence::absent || found->second != state;
    if (presence == Presence::present)
        actual_.addresses.insert_or_assign(key, state);
    else if (was_there)
        actual_.addresses.erase(found);
    const bool is_there = presence == Presence::present;
    if (was_there != is_there &&
        (desired_.addresses.contains(key) || state.protocol == plan::our_protocol))
        concern(Cause::link);
}

void Reconciler::note_rule(const Notice::Rule& rule, Presence presence) {
    const auto& [key, protocol] = rule;
    const auto found = actual_.rules.find(key);
    const bool was_there = found != actual_.rules.end();
    const bool is_there = presence == Presence::present;
    is_changed_ |= was_there != is_there || (was_there && found->second != protocol);
    if (is_there)
        actual_.rules.insert_or_assign(key, protocol);
    else if (was_there)
        actual_.rules.erase(found);
    if (was_there != is_there && (desired_.rules.contains(key) || protocol == plan::our_protocol))
        concern(Cause::interference);
}

void Reconciler::note_nexthop(const plan::Nexthop& nexthop, Presence presence) {
    const auto found = actual_.nexthops.find(nexthop.id);
    const bool was_there = found != actual_.nexthops.end();
    if (presence == Presence::present) {
        if (was_there && found->second == nexthop)
            return;
        actual_.nexthops.insert_or_assign(nexthop.id, nexthop);
    } else {
        if (!was_there)
            return;
        plan::apply(actual_, {plan::Verb::remove, nexthop});
    }
    is_changed_ = true;
    if (nexthop.protocol == plan::our_protocol || desired_.nexthops.contains(nexthop.id))
        concern(Cause::interference);
}

void Reconciler::note_route(const plan::Route& route, Presence presence) {
    const auto found = actual_.routes.find(route.key);
    const bool was_there = found != actual_.routes.end();
    if (presence == Presence::present) {
        if (was_there && found->second == route.way)
            return;
        actual_.routes.insert_or_assign(route.key, route.way);
    } else {
        if (!was_there)
            return;
        actual_.routes.erase(found);
    }
    is_changed_ = true;
    concern(Cause::interference);
}

}  // namespace detour::kernel
