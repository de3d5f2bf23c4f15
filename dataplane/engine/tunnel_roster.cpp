// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/tunnel_roster.h"

#include <algorithm>
#include <string>
#include <utility>

#include "dataplane/engine/log.h"
#include "dataplane/engine/tunnels.h"

namespace detour::engine {
namespace {

// detourd has the new configuration in the same moment; its farewells take less.
constexpr Duration linger = std::chrono::seconds(2);

const model::Uplink* find_tunnel(const model::Config& config, const std::string& name) {
    const model::Uplink* uplink = config.find_uplink(name);
    return uplink != nullptr && uplink->kind == model::UplinkKind::gre ? uplink : nullptr;
}

// What workers and the engine's clocks keep by themselves; the rest they read each time.
bool is_same_tunnel(const model::Uplink& a, const model::Uplink& b) {
    return tunnel_ends({&a}) == tunnel_ends({&b}) && a.port == b.port &&
           a.underlay->mtu == b.underlay->mtu && a.underlay->keepalive == b.underlay->keepalive &&
           a.underlay->keepalive_retries == b.underlay->keepalive_retries;
}

}  // namespace

std::expected<TunnelRoster::Plan, Error> TunnelRoster::plan(const model::Config& next,
                                                            Keeper& keeper, UndoFile& undo) const {
    Plan plan;
    for (const model::Uplink* uplink : gre_uplinks(next)) {
        const auto known = std::ranges::find(
            uplinks_, uplink->name, [](const auto& each) -> const auto& { return each->name; });
        if (known != uplinks_.end()) {
            plan.needs_standstill = plan.needs_standstill || !is_same_tunnel(**known, *uplink);
            continue;
        }
        auto twin = Twin::open(
            {.name = uplink->name, .kind = TwinKind::tun, .mtu = next.mtu(*uplink)}, keeper, undo);
        if (!twin) {
            dismiss(std::move(plan.twins), keeper, undo);
            return std::unexpected(twin.error());
        }
        plan.twins.push_back(std::move(*twin));
        plan.uplinks.push_back(std::make_unique<model::Uplink>(*uplink));
        plan.needs_standstill = true;
    }
    return plan;
}

void TunnelRoster::commit(const model::Config& next, Plan plan, Instant now) {
    for (std::size_t i = 0; i < uplinks_.size(); ++i) {
        const model::Uplink* uplink = find_tunnel(next, uplinks_[i]->name);
        if (uplink == nullptr) {
            if (!leaves_at_[i])
                leaves_at_[i] = now + linger;
            continue;
        }
        if (!is_same_tunnel(*uplinks_[i], *uplink))
            if (const auto set = twins_[i].set_mtu(next.mtu(*uplink)); !set)
                say("{}", set.error().message);
        leaves_at_[i].reset();
        *uplinks_[i] = *uplink;
    }
    for (std::size_t i = 0; i < plan.twins.size(); ++i) {
        uplinks_.push_back(std::move(plan.uplinks[i]));
        twins_.push_back(std::move(plan.twins[i]));
        leaves_at_.emplace_back();
    }
    look_again();
}

void TunnelRoster::look_again() {
    views_.clear();
    for (const auto& uplink : uplinks_)
        views_.push_back(uplink.get());
}

std::vector<TunnelRoster::Counted> TunnelRoster::counted(const model::Config& config) const {
    std::vector<Counted> all;
    for (const model::Uplink& uplink : config.uplinks)
        all.push_back({uplink.name});
    for (const auto& uplink : uplinks_)
        if (config.find_uplink(uplink->name) == nullptr)
            all.push_back({uplink->name});
    return all;
}

std::optional<Instant> TunnelRoster::next_deadline() const {
    std::optional<Instant> next;
    for (const auto& at : leaves_at_)
        if (at && (!next || *at < *next))
            next = at;
    return next;
}

std::vector<Twin> TunnelRoster::sweep(Instant now) {
    std::vector<Twin> gone;
    for (std::size_t i = uplinks_.size(); i-- > 0;) {
        if (!leaves_at_[i] || *leaves_at_[i] > now)
            continue;
        const auto at = static_cast<std::ptrdiff_t>(i);
        gone.push_back(std::move(twins_[i]));
        twins_.erase(twins_.begin() + at);
        uplinks_.erase(uplinks_.begin() + at);
        leaves_at_.erase(leaves_at_.begin() + at);
    }
    look_again();
    return gone;
}

void TunnelRoster::dismiss(std::vector<Twin> twins, Keeper& keeper, UndoFile& undo) {
    std::vector<std::string> names;
    for (const Twin& twin : twins)
        names.push_back(twin.name());
    twins.clear();  // our queues first: the last one that closes takes the interface along
    for (const std::string& name : names) {
        keeper.remove(name);
        if (!undo.has(name, "twin"))
            continue;
        Twin::remove(name);
        undo.forget({name, "twin", "made"});
    }
}

}  // namespace detour::engine
