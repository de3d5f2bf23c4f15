// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The mirror alone, without DPDK, over the devices of the namespace it runs in: reads commands on
// standard input, answers on standard output. tests/netns/mirror.py drives it.
//     settle                 until nothing is left to read or confirm   -> settled
//     decide IIF SRC DST     what the fast path would do                -> the decision
//     compare                the copy against a fresh dump              -> same | differences, then
//     . status                 counters                                   -> one line
#include <fmt/format.h>
#include <poll.h>
#include <unistd.h>

#include <net/if.h>
#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <iostream>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "dataplane/fib/decide.h"
#include "dataplane/fib/publisher.h"
#include "dataplane/mirror/mirror.h"

using namespace detour;
using namespace std::chrono_literals;

namespace {

Instant now() {
    return Instant(
        std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now().time_since_epoch()));
}

[[noreturn]] void fail(const std::string& message) {
    std::cerr << "mirror_driver: " << message << "\n";
    std::exit(2);
}

std::vector<std::string> split(const std::string& text, char separator) {
    std::vector<std::string> parts;
    std::istringstream stream(text);
    for (std::string part; std::getline(stream, part, separator);)
        parts.push_back(part);
    return parts;
}

InterfaceIndex device(const std::string& name) {
    const unsigned index = if_nametoindex(name.c_str());
    if (index == 0)
        fail("no device " + name);
    return InterfaceIndex(index);
}

// port:NAME[:UPLINK]  tunnel:NAME:UPLINK:PORT:LOCAL:REMOTE:KEY  set:PREFIX=ID (IPv4 ends only)
struct Setup {
    mirror::Devices devices;
    std::vector<std::string> names;  // ports, then tunnels

    void add(const std::string& argument) {
        const auto parts = split(argument, ':');
        if (parts[0] == "port") {
            const auto uplink = parts.size() > 2 ? std::stoi(parts[2]) : fib::no_uplink;
            devices.ports.push_back({device(parts[1]), static_cast<std::uint16_t>(uplink)});
            names.push_back(parts[1]);
        } else if (parts[0] == "tunnel") {
            devices.tunnels.push_back(
                {device(parts[1]), UplinkId(static_cast<std::uint16_t>(std::stoi(parts[2]))),
                 PortId(static_cast<std::uint16_t>(std::stoi(parts[3]))), *Address::parse(parts[4]),
                 *Address::parse(parts[5]), static_cast<std::uint32_t>(std::stoul(parts[6])), 64});
            names.push_back(parts[1]);
        } else {
            const auto equals = argument.find('=');
            devices.prefixes.emplace_back(
                *Prefix::parse(argument.substr(4, equals - 4)),
                PrefixSetId(static_cast<std::uint16_t>(std::stoi(argument.substr(equals + 1)))));
        }
    }
};

class Box {
 public:
    explicit Box(const Setup& setup)
        : names_(setup.names), port_count_(setup.devices.ports.size()) {
        auto opened = mirror::Mirror::open(
            setup.devices, [this](auto state) { publisher_.publish(std::move(state)); });
        if (!opened)
            fail(opened.error().message);
        mirror_ = std::move(*opened);
    }

    void turn(Duration wait) {
        auto deadline = now() + wait;
        if (const auto next = mirror_->next_deadline())
            deadline = std::min(deadline, *next);
        std::array<pollfd, 2> fds{};
        for (std::size_t i = 0; i < fds.size(); ++i)
            fds[i] = {mirror_->descriptors()[i], POLLIN, 0};
        const auto left = std::max(Duration(0), deadline - now());
        const auto count = poll(fds.data(), fds.size(), static_cast<int>((left + 999us) / 1ms));
        if (count > 0)
            mirror_->on_readable(now());
        else
            mirror_->on_time(now());
    }

    // Linkwatch reports carrier up to a second late; the caller waits for that.
    void settle() {
        auto quiet_since = now();
        auto messages = mirror_->status().messages;
        while (!mirror_->is_synced() || mirror_->status().pending_dumps != 0 ||
               now() - quiet_since < 30ms) {
            turn(10ms);
            if (const auto read = mirror_->status().messages; read != messages) {
                messages = read;
                quiet_since = now();
            }
        }
    }

    [[nodiscard]] std::string decide(const std::string& input, const std::string& source,
                                     const std::string& destination) const {
        const auto at = std::ranges::find(names_, input);
        const auto index = static_cast<std::size_t>(at - names_.begin());
        const fib::ForwardingState& state = *publisher_.load();
        const fib::Ingress& ingress =
            index < port_count_ ? state.ports.at(index) : state.tunnels.at(index - port_count_);
        return fib::describe(state, fib::decide(state, ingress, *Address::parse(source),
                                                *Address::parse(destination)));
    }

    [[nodiscard]] const mirror::Mirror& view() const { return *mirror_; }

 private:
    std::vector<std::string> names_;
    std::size_t port_count_;
    fib::Publisher publisher_{0};
    std::unique_ptr<mirror::Mirror> mirror_;
};

void compare(const Box& box, const Setup& setup) {
    Box fresh(setup);
    fresh.settle();
    auto ours = box.view().description();
    auto theirs = fresh.view().description();
    std::ranges::sort(ours);
    std::ranges::sort(theirs);
    std::vector<std::string> extra;
    std::vector<std::string> missing;
    std::ranges::set_difference(ours, theirs, std::back_inserter(extra));
    std::ranges::set_difference(theirs, ours, std::back_inserter(missing));
    if (extra.empty() && missing.empty())
        std::cout << "same\n";
    for (const auto& line : extra)
        std::cout << "- " << line << "\n";
    for (const auto& line : missing)
        std::cout << "+ " << line << "\n";
    std::cout << "." << std::endl;
}

void print_status(const mirror::Status& status) {
    std::cout << fmt::format(
                     "generation {} messages {} undecodable {} overruns {} resyncs {} "
                     "confirmations {} audits {} differences {} last_us {} worst_us {} sync_us {} "
                     "routes {} neighbours {} nexthops {} rules {} leaves {} adjacencies {} "
                     "tables {} bytes {} unsupported {} waiting {}",
                     status.generation, status.messages, status.undecodable, status.overruns,
                     status.resyncs, status.confirmations, status.audits, status.audit_differences,
                     status.last_latency / 1us, status.worst_latency / 1us,
                     status.last_sync_time / 1us, status.routes, status.neighbours, status.nexthops,
                     status.rules, status.leaves, status.adjacencies, status.tables,
                     status.table_bytes, status.unsupported_rules, status.waiting_routes)
              << std::endl;
}

bool answer(Box& box, const Setup& setup, const std::string& line) {
    const auto words = split(line, ' ');
    if (words.empty() || words[0] == "quit")
        return false;
    if (words[0] == "settle") {
        box.settle();
        std::cout << "settled" << std::endl;
    } else if (words[0] == "decide") {
        std::cout << box.decide(words.at(1), words.at(2), words.at(3)) << std::endl;
    } else if (words[0] == "compare") {
        compare(box, setup);
    } else if (words[0] == "status") {
        print_status(box.view().status());
    }
    return true;
}

}  // namespace

int main(int argc, char** argv) {
    Setup setup;
    for (int i = 1; i < argc; ++i)
        setup.add(argv[i]);
    Box box(setup);
    box.settle();
    std::cout << "ready" << std::endl;
    std::string buffered;
    for (;;) {
        pollfd input{STDIN_FILENO, POLLIN, 0};
        if (poll(&input, 1, 0) > 0) {
            std::array<char, 4096> bytes{};
            const ssize_t size = read(STDIN_FILENO, bytes.data(), bytes.size());
            if (size <= 0)
                return 0;
            buffered.append(bytes.data(), static_cast<std::size_t>(size));
            for (auto end = buffered.find('\n'); end != std::string::npos;
                 end = buffered.find('\n')) {
                if (!answer(box, setup, buffered.substr(0, end)))
                    return 0;
                buffered.erase(0, end + 1);
            }
        }
        box.turn(2ms);
    }
}
