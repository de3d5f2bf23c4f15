// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The shipping reconciler with the story's configuration, driven by lines on standard input; what
// it tells is printed, a line each. For tests/netns/reconciler.py.
//
//     reconciler_driver [--kernel-mode] [--prefixes N] [--placed UPLINK]
//
//     place SET UPLINK[,UPLINK]|none   both families
//     flip SET N                       N moves, to the partner first, each acknowledged at once
//     sync                             prints "synced" when nothing is under way
//     advance SECONDS                  the reconciler's clock jumps
//     counters
//     remove                           the clean stop
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>

#include "controlplane/kernel/reconciler.h"
#include "tests/unit/kernel/story.h"

namespace {

using namespace detour;
using namespace detour::kernel;

double milliseconds(Duration duration) {
    return std::chrono::duration<double, std::milli>(duration).count();
}

class Driver {
 public:
    Driver(std::unique_ptr<Reconciler> reconciler, model::Config config, UplinkId uplink)
        : reconciler_(std::move(reconciler)),
          config_(std::make_shared<const model::Config>(std::move(config))),
          placement_(plan::story::all_on(uplink)) {}

    int run() {
        tell(reconciler_->configure(now(), config_, placement_));
        while (!is_over_) {
            answer_sync();
            wait();
        }
        return 0;
    }

 private:
    [[nodiscard]] Instant now() const {
        return Instant(std::chrono::steady_clock::now().time_since_epoch() + skew_);
    }

    void wait() {
        const auto own = reconciler_->fds();
        std::array<pollfd, 3> fds{
            {{STDIN_FILENO, POLLIN, 0}, {own[0], POLLIN, 0}, {own[1], POLLIN, 0}}};
        int timeout = -1;
        if (const auto deadline = reconciler_->next_deadline())
            timeout = static_cast<int>(
                std::clamp(std::chrono::ceil<std::chrono::milliseconds>(*deadline - now()).count(),
                           std::int64_t{0}, std::int64_t{60'000}));
        poll(fds.data(), fds.size(), timeout);
        if (fds[1].revents != 0 || fds[2].revents != 0)
            tell(reconciler_->on_readable(now()));
        if (const auto deadline = reconciler_->next_deadline(); deadline && *deadline <= now())
            tell(reconciler_->on_time(now()));
        if (fds[0].revents != 0)
            read_commands();
    }

    void read_commands() {
        std::array<char, 4096> chunk{};
        const auto size = read(STDIN_FILENO, chunk.data(), chunk.size());
        if (size <= 0) {
            is_over_ = true;
            return;
        }
        input_.append(chunk.data(), static_cast<std::size_t>(size));
        for (auto end = input_.find('\n'); end != std::string::npos; end = input_.find('\n')) {
            const std::string line = input_.substr(0, end);
            input_.erase(0, end + 1);
            execute(line);
        }
    }

    void execute(const std::string& line) {
        std::istringstream words(line);
        std::string command;
        words >> command;
        if (command == "place") {
            std::string set;
            std::string uplinks;
            words >> set >> uplinks;
            put(set, place_of(uplinks));
            tell(reconciler_->place(now(), placement_));
        } else if (command == "flip") {
            std::string set;
            int count = 0;
            words >> set >> count;
            flip(set, count);
        } else if (command == "sync") {
            awaits_sync_ = true;
        } else if (command == "advance") {
            int count = 0;
            words >> count;
            skew_ += std::chrono::seconds(count);
        } else if (command == "counters") {
            const Counters& counters = reconciler_->counters();
            print(
                "counters operations={} refusals={} dumps={} audits={} audit_differences={} "
                "repairs={} overruns={}",
                counters.operations, counters.refusals, counters.dumps, counters.audits,
                counters.audit_differences, counters.repairs, counters.overruns);
        } else if (command == "remove") {
            const Instant start = now();
            tell(reconciler_->remove_all(start));
            print("removed {:.2f}", milliseconds(now() - start));
            is_over_ = true;
        }
    }

    [[nodiscard]] plan::Place place_of(const std::string& uplinks) const {
        plan::Place place;
        for (const model::Uplink& uplink : config_->uplinks)
            if (uplinks.find(uplink.name) != std::string::npos)
                place.uplinks.push_back(uplink.id);
        return place;
    }

    void put(const std::string& name, const plan::Place& place) {
        for (const model::PrefixSet& set : config_->prefix_sets)
            if (set.name == name)
                for (const Family family : plan::families_of(set))
                    placement_.places[{set.id, family}] = place;
    }

    // Each move must be acknowledged by the call that makes it, in both families.
    void flip(const std::string& name, int count) {
        int missed = 0;
        Duration longest{};
        Duration all{};
        for (int i = 0; i < count; ++i) {
            put(name, place_of(i % 2 == 0 ? "partner" : "provider"));
            const Instant start = now();
            int stands = 0;
            for (const Output& output : reconciler_->place(start, placement_))
                stands += std::holds_alternative<PlaceStands>(output) ? 1 : 0;
            const Duration took = now() - start;
            longest = std::max(longest, took);
            all += took;
            missed += stands == 2 ? 0 : 1;
            const auto own = reconciler_->fds();
            std::array<pollfd, 2> fds{{{own[0], POLLIN, 0}, {own[1], POLLIN, 0}}};
            if (poll(fds.data(), fds.size(), 0) > 0)
                tell(reconciler_->on_readable(now()));
        }
        print("flipped {} missed {} mean {:.3f} longest {:.3f}", count, missed,
              milliseconds(all) / count, milliseconds(longest));
    }

    void answer_sync() {
        if (!awaits_sync_ || !reconciler_->is_settled())
            return;
        // Notifications that wait in the socket come first.
        const auto own = reconciler_->fds();
        pollfd waiting{own[0], POLLIN, 0};
        if (poll(&waiting, 1, 20) > 0)
            return;
        awaits_sync_ = false;
        print("synced");
    }

    template <class... Arguments>
    void print(fmt::format_string<Arguments...> format, Arguments&&... arguments) {
        std::cout << fmt::format(format, std::forward<Arguments>(arguments)...) << std::endl;
    }

    std::string name_of(const plan::Placed& placed, const plan::Place& place) const {
        std::vector<std::string> uplinks;
        for (const UplinkId uplink : place.uplinks)
            uplinks.push_back(config_->uplink(uplink).name);
        return fmt::format("{} {} {}", config_->prefix_set(placed.set).name,
                           to_string(placed.family),
                           uplinks.empty() ? "none" : fmt::format("{}", fmt::join(uplinks, ",")));
    }

    void tell(const Outputs& outputs) {
        for (const Output& output : outputs)
            std::visit([&](const auto& one) { tell(one); }, output);
    }
    void tell(const DeviceChanged& device) {
        constexpr std::array conditions{"absent", "down", "no-carrier", "up"};
        print("device {} {} {}", device.device,
              conditions.at(static_cast<std::size_t>(device.condition)),
              device.is_ready ? "ready" : "unready");
    }
    void tell(const GatewayChanged& gateway) {
        constexpr std::array states{"unknown", "resolved", "failed"};
        print("gateway {} {} {}", config_->uplink(gateway.uplink).name, to_string(gateway.family),
              states.at(static_cast<std::size_t>(gateway.state)));
    }
    void tell(const PlaceStands& stands) {
        print("stands {} {:.3f}", name_of(stands.placed, stands.place),
              milliseconds(stands.latency));
    }
    void tell(const PlaceWaits& waits) {
        print("waits {}: {}", name_of(waits.placed, waits.place), waits.why);
    }
    void tell(const ConflictFound& found) { print("conflict {}", found.conflict.what); }
    void tell(const Refused& refused) {
        print("refused {}: {}", refused.operation, refused.reason);
    }
    void tell(const SettingMissing& missing) { print("setting {}", missing.fault.to_string()); }
    void tell(const Repaired& repaired) {
        print("repaired {} {}", to_string(repaired.cause), repaired.operation_count);
    }
    void tell(const Audited& audited) { print("audited {}", audited.difference_count); }
    void tell(const Faltered& faltered) { print("faltered {}", faltered.error.message); }

    std::unique_ptr<Reconciler> reconciler_;
    std::shared_ptr<const model::Config> config_;
    plan::Placement placement_;
    Duration skew_{};
    std::string input_;
    bool awaits_sync_ = false;
    bool is_over_ = false;
};

}  // namespace

int main(int argc, char** argv) {
    model::Config config = plan::story::config();
    UplinkId uplink = plan::story::provider;
    for (int i = 1; i < argc; ++i) {
        const std::string option = argv[i];
        if (option == "--kernel-mode") {
            config.dataplane.kind = model::DataplaneKind::kernel;
            for (model::Port& port : config.ports)
                port.device = port.name;
        } else if (option == "--placed" && i + 1 < argc) {
            uplink = std::string(argv[++i]) == "partner" ? plan::story::partner : uplink;
        } else if (option == "--prefixes" && i + 1 < argc) {
            // 198.18.0.0/15 in /30s: each a route, together few rules.
            const auto count = static_cast<std::uint32_t>(std::atoi(argv[++i]));
            for (std::uint32_t n = 0; n < count; ++n)
                config.prefix_sets[0].prefixes.emplace_back(Address::ipv4(0xc6120000U + n * 4), 30);
        }
    }
    auto reconciler = Reconciler::open();
    if (!reconciler) {
        std::cerr << reconciler.error().message << '\n';
        return 1;
    }
    return Driver(std::move(*reconciler), std::move(config), uplink).run();
}
