// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/controller/controller.h"

#include <utility>

#include "controlplane/controller/machine.h"

namespace detour::controller {

Controller::Machine::Machine(const model::Config& configuration, Beginning beginning)
    : config(configuration),
      started(beginning.at),
      next_record(beginning.next_record),
      random(beginning.seed),
      speaker([this] { return std::uniform_real_distribution<double>(0, 1)(random); }),
      seed(beginning.seed),
      prober(probe_options(configuration, beginning.seed)),
      decider(decision_options(configuration), beginning.state, beginning.state_age),
      peers(configuration),
      announcer(config, peers),
      own_space(config),
      born(Started{beginning.state.has_value(), beginning.state_age}),
      passwords(std::move(beginning.passwords)) {
    links.resize(configuration.uplinks.size());
    for (Link& link : links)
        link.since = beginning.at;
}

Controller::Controller(const model::Config& config, Beginning beginning)
    : machine_(std::make_unique<Machine>(config, std::move(beginning))) {}

Controller::~Controller() = default;

Outputs Controller::handle(Instant now, const Input& input) {
    machine_->outputs.clear();
    std::visit([&](const auto& event) { machine_->on(now, event); }, input);
    machine_->settle(now);
    return std::move(machine_->outputs);
}

Outputs Controller::reconfigure(Instant now, const model::Config& config, Passwords passwords,
                                Reconfigured why) {
    machine_->outputs.clear();
    machine_->reconfigure(now, config, std::move(passwords), std::move(why));
    machine_->settle(now);
    return std::move(machine_->outputs);
}

const std::map<decision::Block, UplinkId>& Controller::egress() const {
    return machine_->egress;
}

const PeerBook& Controller::peers() const {
    return machine_->peers;
}

const bgp::Speaker& Controller::speaker() const {
    return machine_->speaker;
}

std::optional<Instant> Controller::next_deadline() const {
    std::optional<Instant> earliest;
    for (const auto& deadline :
         {machine_->speaker.next_deadline(), machine_->prober.next_deadline(),
          machine_->decider.next_deadline()})
        if (deadline && (!earliest || *deadline < *earliest))
            earliest = deadline;
    return earliest;
}

View Controller::view(Instant now) const {
    View view;
    view.at = now;
    view.started = machine_->started;
    for (const model::Uplink& uplink : machine_->config.uplinks) {
        UplinkView& row = view.uplinks.emplace_back();
        row.id = uplink.id;
        row.link = machine_->links.at(uplink.id.value).state;
        row.link_since = machine_->links.at(uplink.id.value).since;
        row.mtu = machine_->config.mtu(uplink);
        for (const Family family : families)
            if (const auto mtu = machine_->path_mtus.find({uplink.id, family});
                mtu != machine_->path_mtus.end())
                row.path_mtus[static_cast<std::size_t>(family)] = mtu->second;
        for (const auto& [pair, is_shared] : machine_->fates)
            if (pair.first == uplink.id && is_shared)
                row.shares_fate_with.push_back(pair.second);
        for (const bgp::PeerId id : machine_->announcer.peers_of(uplink.id))
            if (auto peer = machine_->speaker.peer(id))
                row.peers.push_back(std::move(*peer));
    }
    view.decision = machine_->decider.views(now);
    view.probes = machine_->prober.load();
    view.telemetry = machine_->telemetry;
    view.telemetry_since = machine_->telemetry_since;
    return view;
}

}  // namespace detour::controller
