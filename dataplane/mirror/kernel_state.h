// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A copy of the kernel's forwarding state: pure, no sockets, no clock. It is fed events in the
// order the kernel sent them, and one dump at a time beside them (ledger.h), and it infers what the
// kernel flushes silently (flush.h). It says what changed since it was asked last, and what it
// suspects and a dump should confirm.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <utility>
#include <vector>

#include "dataplane/mirror/flush.h"
#include "dataplane/mirror/ledger.h"
#include "dataplane/mirror/objects.h"
#include "dataplane/mirror/paths.h"
#include "dataplane/mirror/route_table.h"

namespace detour::mirror {

enum class Kind : std::uint8_t { links, addresses, neighbours, nexthops, rules, routes };

// One dump request. Rules and routes name a family; the filters narrow routes, and the device also
// nexthops and neighbours.
struct Dump {
    Kind kind = Kind::links;
    std::optional<Family> family;
    std::optional<InterfaceIndex> device;
    std::optional<TableId> table;

    friend auto operator<=>(const Dump&, const Dump&) = default;
};

using TableName = std::pair<Family, TableId>;

// What the compiler must look at again.
struct Changes {
    std::map<TableName, ChangedPrefixes> tables;  // routes came, went or lead elsewhere
    bool routes = false;                          // some table has some
    bool links = false;
    bool neighbours = false;
    bool nexthops = false;
    bool rules = false;

    [[nodiscard]] bool any() const { return links || neighbours || nexthops || rules || routes; }
};

class KernelState {
 public:
    KernelState() = default;
    KernelState(const KernelState&) = delete;  // tables point to paths_
    KernelState& operator=(const KernelState&) = delete;

    void apply(const Event& event);

    // A dump was asked for; only one at a time. offer() its messages, then end_dump(). Both count
    // what differed from the copy.
    void begin_dump(const Dump& dump);
    std::size_t offer(const Event& event);
    std::size_t end_dump();
    // The dump failed half way: nothing is forgotten.
    void abandon_dump();

    [[nodiscard]] Changes take_changes();
    [[nodiscard]] bool has_changes() const { return changes_.any(); }
    // Dumps that should confirm what was inferred; each once.
    [[nodiscard]] std::set<Dump> take_suspicions() { return std::exchange(suspicions_, {}); }

    [[nodiscard]] const Ledger<InterfaceIndex, Link>& links() const { return links_; }
    [[nodiscard]] const Ledger<InterfaceAddressKey, bool>& addresses() const { return addresses_; }
    [[nodiscard]] const Ledger<NeighbourKey, Neighbour>& neighbours() const { return neighbours_; }
    [[nodiscard]] const Ledger<NexthopId, Nexthop>& nexthops() const { return nexthops_; }
    // By priority, equal priorities in the kernel's order.
    [[nodiscard]] const std::vector<Rule>& rules(Family family) const {
        return rules_[static_cast<std::size_t>(family)];
    }
    [[nodiscard]] const std::map<TableName, RouteTable>& tables() const { return tables_; }
    [[nodiscard]] const RouteTable* table(Family family, TableId id) const;
    [[nodiscard]] const Paths& paths() const { return paths_; }
    [[nodiscard]] Paths& paths() { return paths_; }
    [[nodiscard]] std::size_t route_count() const;

    // Everything that forwarding depends on, one line each, sorted: for comparing two copies.
    [[nodiscard]] std::vector<std::string> description() const;

 private:
    void take(const LinkEvent& event);
    void take(const AddressEvent& event);
    void take(const NeighbourEvent& event);
    void take(const NexthopEvent& event);
    void take(const RouteEvent& event);
    void take(const RuleEvent& event);
    void link_changed(const std::optional<Link>& before, const Link& link);
    std::size_t offer_route(const RouteEvent& event);
    [[nodiscard]] std::optional<RouteEvent> without_borrowed_type(const RouteEvent& event) const;
    std::size_t end_rules(Family family);
    std::size_t end_routes();

    void lose(InterfaceIndex device, Loss loss);
    void revive(InterfaceIndex device);
    void address_gone(const InterfaceAddressKey& key);
    void remove_nexthop(NexthopId id);
    void rewrite_routes(Family family, const std::function<std::optional<Path>(const Path&)>& fate);
    void suspect_device(InterfaceIndex device);
    [[nodiscard]] bool has_ipv4_address(InterfaceIndex device) const;
    [[nodiscard]] bool leads_to(NexthopId id, InterfaceIndex device) const;
    RouteTable& table(const TableName& name);

    Ledger<InterfaceIndex, Link> links_;
    Ledger<InterfaceAddressKey, bool> addresses_;  // the value says nothing
    Ledger<NeighbourKey, Neighbour> neighbours_;
    Ledger<NexthopId, Nexthop> nexthops_;
    std::array<std::vector<Rule>, 2> rules_;  // by Family
    Paths paths_;
    std::map<TableName, RouteTable> tables_;

    DumpClock clock_;
    Dump dump_;                        // the one that runs
    std::vector<Rule> offered_rules_;  // by it
    bool has_rule_event_ = false;      // since it began

    Changes changes_;
    std::set<Dump> suspicions_;
};

}  // namespace detour::mirror
