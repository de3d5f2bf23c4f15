// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <map>

#include "conf/model/rules.h"

namespace detour::model {
namespace {

constexpr std::size_t max_interface_name = 15;  // IFNAMSIZ without its NUL
constexpr std::size_t max_name = 32;

bool is_name_character(char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_' || c == '.';
}

// Why a port, uplink or prefix set cannot have this name; empty: it can.
std::string fault_of_name(std::string_view name) {
    if (name.empty())
        return "a name is empty";
    if (!std::all_of(name.begin(), name.end(), is_name_character))
        return "a name has letters, digits, - _ and . only";
    if (name.front() == '-' || name.front() == '.')
        return "a name starts with a letter, a digit or _";
    if (name.size() > max_name)
        return fmt::format("a name has at most {} characters", max_name);
    return {};
}

// Why a kernel interface that detour makes cannot have this name; empty: it can.
std::string fault_of_interface_name(std::string_view name) {
    static constexpr std::array<std::string_view, 11> reserved{
        "lo",      "all",     "default", "gre0", "gretap0", "erspan0",
        "ip6gre0", "ip6tnl0", "tunl0",   "sit0", "ip_vti0"};
    if (auto fault = fault_of_name(name); !fault.empty())
        return fault;
    if (name.size() > max_interface_name)
        return fmt::format("the kernel's interface names have at most {} characters",
                           max_interface_name);
    for (const std::string_view prefix : {"en", "eth", "wl"})
        if (name.starts_with(prefix))
            return fmt::format(
                "a name in {}* is the host's own (udev, networkd and others act on "
                "it); choose another, such as wan0 or lan0",
                prefix);
    if (std::find(reserved.begin(), reserved.end(), name) != reserved.end())
        return "this name has a meaning of its own in the kernel; choose another";
    return {};
}

void check(const std::string& fault, const Place& place, const Complaints& complaints) {
    if (!fault.empty())
        complaints.error(place, fault);
}

// Bounds far above any box, so that ids fit their types and a check its time.
constexpr std::size_t max_ports = 64;
constexpr std::size_t max_uplinks = 1024;
constexpr std::size_t max_prefix_sets = 1000;
constexpr std::size_t max_targets = 1000;

template <class T>
bool check_count(const std::vector<T>& things, std::size_t max, std::string_view what,
                 const Complaints& complaints) {
    if (things.size() <= max)
        return true;
    complaints.error(things[max].place, fmt::format("more than {} {}", max, what));
    return false;
}

}  // namespace

bool check_counts(const Draft& draft, const Complaints& complaints) {
    std::size_t target_count = 0;
    for (const TargetDraft& target : draft.targets)
        target_count += target.addresses.size();
    if (target_count > max_targets)
        complaints.error(draft.targets_place, fmt::format("more than {} targets", max_targets));
    const bool is_possible =
        check_count(draft.ports, max_ports, "ports", complaints) &&
        check_count(draft.uplinks, max_uplinks, "uplinks", complaints) &&
        check_count(draft.prefix_sets, max_prefix_sets, "prefix sets", complaints);
    return is_possible && target_count <= max_targets;
}

void check_router(const Draft& draft, const Complaints& complaints) {
    if (draft.router_name)
        check(fault_of_name(draft.router_name->value), draft.router_name->place, complaints);
    if (draft.router_id && draft.router_id->value.family() != Family::ipv4)
        complaints.error(draft.router_id->place,
                         "the BGP identifier is written as an IPv4 address (RFC 4271)");
    std::map<unsigned, Place> seen;
    for (const auto& core : draft.cores)
        if (!seen.try_emplace(core.value, core.place).second)
            complaints.error(core.place, fmt::format("processor {} is listed twice", core.value));
    if (!draft.is_kernel())
        return;
    complaints.note(
        draft.kind->place,
        "this version counts no packets of kind kernel and sends ICMP probes alone: a "
        "null route is not proven by one kind of evidence, and nothing will move on it; "
        "links and sessions that fall are acted on");
    if (!draft.cores.empty())
        complaints.warning(draft.cores.front().place,
                           "has no effect with kind kernel: the kernel forwards; remove it");
    if (draft.poll)
        complaints.warning(draft.poll->place,
                           "has no effect with kind kernel: nothing polls; remove it");
}

void check_names(const Draft& draft, const Complaints& complaints) {
    for (const PortDraft& port : draft.ports)
        check(fault_of_interface_name(port.name), port.place, complaints);
    for (const PrefixSetDraft& set : draft.prefix_sets)
        check(fault_of_name(set.name), set.place, complaints);
    for (const UplinkDraft& uplink : draft.uplinks) {
        if (!uplink.is(UplinkKind::gre)) {
            check(fault_of_name(uplink.name), uplink.place, complaints);
            continue;
        }
        check(fault_of_interface_name(uplink.name), uplink.place, complaints);
        if (const PortDraft* port = draft.find_port(uplink.name))
            complaints.error(
                uplink.place,
                fmt::format("the port in line {} has this name, and a gre uplink is an "
                            "interface as well; rename one of them",
                            port->place.position.line));
    }
}

}  // namespace detour::model
