// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/sim/stage/faults.h"

#include <algorithm>
#include <stdexcept>

namespace sim {

namespace controller = detour::controller;
namespace decision = detour::decision;
using namespace std::chrono_literals;
using detour::PrefixSetId;
using detour::UplinkId;

namespace {

PrefixSetId set_of(const Event& event) {
    return PrefixSetId(static_cast<std::uint16_t>(event.set));
}

}  // namespace

std::uint32_t Faults::uplink_of(const std::string& name) const {
    const auto found = std::ranges::find(parts_.config.uplinks, name, &detour::model::Uplink::name);
    if (found == parts_.config.uplinks.end())
        throw std::runtime_error("no such uplink: " + name);
    return found->id.value;
}

void Faults::during(const Event& event, const std::function<void(int)>& deed) {
    parts_.internet.touch();
    deed(1);
    if (event.length)
        parts_.agenda.after(*event.length, [this, deed] {
            parts_.internet.touch();
            deed(-1);
        });
}

void Faults::begin(const Event& event) {
    const EventForm& form = form_of(event.kind);
    if (form.is_disturbing && form.is_lasting)
        during(event, [this](int change) { parts_.truth.disturb(change); });
    else if (form.is_disturbing)
        parts_.truth.disturb(0);
    if (event.kind <= EventKind::attack || event.kind == EventKind::lossy_block) {
        const auto& territories = parts_.internet.territories();
        for (std::uint32_t t = 0; t < territories.size(); ++t)
            if (territories[t].block.set == set_of(event) &&
                (!event.family ||
                 static_cast<std::uint8_t>(territories[t].block.family) == *event.family))
                on_block(event, t);
        return;
    }
    if (event.kind <= EventKind::small_mtu)
        return on_uplink(event, uplink_of(event.where));
    if (event.kind <= EventKind::max_prefix)
        return on_bgp(event, uplink_of(event.where));
    if (event.kind <= EventKind::sentinels_dead)
        return on_world(event);
    if (event.kind <= EventKind::deaf)
        return on_box(event);
    on_operator(event);
}

void Faults::null_route(const Event& event, std::uint32_t territory) {
    const auto at = parts_.internet.routes().find(event.where);
    if (!at)
        throw std::runtime_error("no such network: " + event.where);
    const auto id = parts_.internet.add_null_route(
        {.at = *at, .territory = territory, .place = event.place, .has_urpf = event.has_urpf});
    if (event.length)
        parts_.agenda.after(*event.length, [this, id] { parts_.internet.remove_null_route(id); });
}

void Faults::alternate(const Event& event, std::uint32_t territory, Instant until) {
    if (parts_.agenda.now() >= until)
        return;
    Event once = event;
    once.place = Place::inside;
    once.length = seconds(event.number);
    null_route(once, territory);
    parts_.agenda.after(2 * seconds(event.number),
                        [this, &event, territory, until] { alternate(event, territory, until); });
}

void Faults::on_block(const Event& event, std::uint32_t t) {
    using enum EventKind;
    Internet& internet = parts_.internet;
    const auto nuisance = [&]() -> Internet::Nuisance& {
        return internet.nuisance(uplink_of(event.where), t);
    };
    switch (event.kind) {
        case null_route:
        case gap:
            return this->null_route(event, t);
        case intermittent:
            return alternate(event, t, parts_.agenda.now() + event.length.value_or(Duration(24h)));
        case filter_icmp:
            return during(event, [&n = nuisance()](int change) { n.pings_filtered += change; });
        case refuse_source:
            return during(event, [&n = nuisance()](int change) { n.source_refused += change; });
        case scrub:
            return during(event, [&n = nuisance(), share = event.number](int change) {
                n.scrubbed = change > 0 ? std::optional(share) : std::nullopt;
            });
        case lossy_block:
            return during(event, [&n = nuisance(), share = event.number](int change) {
                n.loss = std::clamp(n.loss + change * share, 0.0, 1.0);
            });
        case traffic:
            internet.touch();
            internet.traffic(t) = event.number;
            return;
        case attack:
            return during(event, [&internet, t, packets = event.number](int change) {
                internet.traffic(t) += change * packets;
            });
        default:
            return;
    }
}

void Faults::set_carrier(std::uint32_t uplink, int change) {
    int& without = parts_.internet.trouble(uplink).without_carrier;
    const bool was_up = without == 0;
    without += change;
    const bool is_up = without == 0;
    if (is_up == was_up)
        return;
    parts_.box.tell_link(uplink, is_up ? decision::Presence::up : decision::Presence::down);
    if (is_up)
        return;
    // The neighbour sees it too, and gives the session up at once.
    parts_.agenda.after(100ms, [this, uplink] {
        if (parts_.internet.trouble(uplink).without_carrier != 0)
            parts_.sessions.reset(uplink);
    });
}

void Faults::flap(const Event& event, std::uint32_t uplink, Instant until) {
    if (parts_.agenda.now() >= until)
        return;
    Event once = event;
    once.length = seconds(event.number);
    during(once, [this, uplink](int change) { set_carrier(uplink, change); });
    parts_.agenda.after(2 * seconds(event.number),
                        [this, &event, uplink, until] { flap(event, uplink, until); });
}

void Faults::on_uplink(const Event& event, std::uint32_t uplink) {
    using enum EventKind;
    Internet::Trouble& trouble = parts_.internet.trouble(uplink);
    switch (event.kind) {
        case dark:
            return during(event, [&trouble](int change) { trouble.dark += change; });
        case core_fault:
            return during(event, [&trouble](int change) { trouble.core_fault += change; });
        case isolated:
            return during(event, [&trouble](int change) { trouble.isolated += change; });
        case loss:
            return during(event, [this, &trouble, share = event.number](int change) {
                trouble.loss = std::clamp(trouble.loss + change * share, 0.0, 1.0);
                parts_.truth.set_loss(trouble.loss);
                if (trouble.loss > 0.25 || change < 0)
                    parts_.truth.disturb(0);
            });
        case lag:
            return during(event, [&trouble, members = event.number](int change) {
                trouble.dead_members = change > 0 ? static_cast<std::uint32_t>(members) : 0;
            });
        case control_dead:
            return during(event, [&trouble](int change) { trouble.control_dead += change; });
        case link_down:
            return during(event, [this, uplink](int change) { set_carrier(uplink, change); });
        case EventKind::flap:
            return this->flap(event, uplink,
                              parts_.agenda.now() + event.length.value_or(Duration(24h)));
        case small_mtu:
            return during(event, [&trouble, bytes = event.number](int change) {
                trouble.mtu = change > 0 ? static_cast<std::uint32_t>(bytes) : 65535;
            });
        default:
            return;
    }
}

void Faults::on_bgp(const Event& event, std::uint32_t uplink) {
    using enum EventKind;
    Sessions& sessions = parts_.sessions;
    switch (event.kind) {
        case reset:
            return sessions.reset(uplink);
        case session_down:
            during(event, [&sessions, uplink](int change) { sessions.refuse(uplink, change); });
            return sessions.reset(uplink);
        case shutdown:
            during(event, [&sessions, uplink](int change) { sessions.refuse(uplink, change); });
            return sessions.shut_down(uplink);
        case hijack:
            return during(event, [this, uplink, set = set_of(event),
                                  origin = detour::AsNumber(
                                      static_cast<std::uint32_t>(event.number))](int change) {
                for (const Territory& territory : parts_.internet.territories())
                    if (territory.block.set == set)
                        parts_.sessions.claim(uplink, territory.prefix,
                                              change > 0 ? std::optional(origin) : std::nullopt);
            });
        case max_prefix:
            return during(event, [&sessions, uplink](int change) {
                sessions.limit_prefixes(uplink, change > 0);
            });
        default:
            return;
    }
}

void Faults::on_world(const Event& event) {
    using enum EventKind;
    Internet& internet = parts_.internet;
    Routes& routes = internet.routes();
    const std::string network = event.where.substr(0, event.where.find(' '));
    const auto at = routes.find(network);
    switch (event.kind) {
        case strip:
            return during(
                event, [&routes, at](int change) { routes.set_stripping(at.value(), change > 0); });
        case stuck:
            return during(event,
                          [&routes, at](int change) { routes.set_stuck(at.value(), change > 0); });
        case prefer: {
            const auto way = routes.find(event.where.substr(event.where.find(' ') + 1));
            return during(event, [&routes, at, way](int change) {
                routes.prefer(at.value(), change > 0 ? way : std::nullopt);
            });
        }
        case target_dead:
            return during(event, [&host = internet.target(event.target)](int change) {
                host.dead += change;
            });
        case target_limit:
            return during(event, [&host = internet.target(event.target),
                                  spacing = seconds(event.number / 1000)](int change) {
                host.spacing = change > 0 ? spacing : Duration{};
            });
        case sentinels_dead:
            return during(event, [&trouble = internet.trouble(uplink_of(event.where))](int change) {
                trouble.sentinels_dead += change;
            });
        default:
            return;
    }
}

void Faults::on_box(const Event& event) {
    using enum EventKind;
    Box& box = parts_.box;
    const Duration length = event.length.value_or(Duration(1s));
    switch (event.kind) {
        case restart:
            box.kill();
            parts_.agenda.after(length, [&box] {
                if (!box.is_alive())
                    box.start();
            });
            return;
        case stall:
            if (!box.is_running())
                return;
            box.stall();
            parts_.agenda.after(length, [&box, length] { box.wake(length); });
            return;
        case clock_step:
            return box.give(controller::ClockStepped{});
        case telemetry_lost:
            return during(event, [&box](int change) { box.set_telemetry(change < 0); });
        case deaf:
            return during(event, [this](int change) {
                for (std::uint32_t u = 0; u < parts_.config.uplinks.size(); ++u)
                    parts_.internet.trouble(u).dark += change;
            });
        default:
            return;
    }
}

void Faults::on_operator(const Event& event) {
    using enum EventKind;
    using Freeze = decision::OperatorFreeze;
    Box& box = parts_.box;
    parts_.invariants.note_operator();
    switch (event.kind) {
        case move:
            return box.command(decision::OperatorMove{
                set_of(event), UplinkId(static_cast<std::uint16_t>(uplink_of(event.where)))});
        case failback:
            return box.command(decision::OperatorFailback{set_of(event)});
        case return_now:
            return box.command(decision::OperatorFailback{set_of(event), decision::Urgency::now});
        case abort:
            return box.command(decision::OperatorAbort{set_of(event)});
        case freeze:
            return box.command(Freeze{Freeze::State::frozen});
        case thaw:
            return box.command(Freeze{Freeze::State::thawed});
        case advise:
            return box.command(decision::OperatorMode{decision::Mode::advise});
        case automatic:
            return box.command(decision::OperatorMode{decision::Mode::automatic});
        default:
            return;
    }
}

}  // namespace sim
