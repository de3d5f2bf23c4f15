// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What one peer told us and did not take back (RFC 4271 3.2): at most `max_prefixes` routes of a
// family. Routes that the import rules refuse are kept with the reason, so that the operator can
// ask; others never see them. While a peer sends everything again (RFC 7313) or restarts (RFC 4724)
// its routes are stale until they are heard again, and as good as before; a sweep removes the rest.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <vector>

#include "conf/types/prefix.h"
#include "controlplane/bgp/policy/import.h"
#include "controlplane/bgp/wire/path_attributes.h"

namespace detour::bgp {

class AdjRibIn {
 public:
    struct Route {
        std::shared_ptr<const PathAttributes> attributes;
        Refusal refusal = Refusal::none;
        bool is_stale = false;
        ImportFilter::RuleNumber rule = 0;  // that refused it
    };
    using Routes = std::unordered_map<Prefix, Route>;
    using Entry = Routes::value_type;
    struct Judgement {
        Refusal refusal = Refusal::none;
        ImportFilter::RuleNumber rule = 0;
    };
    using Judge = std::function<Judgement(const Prefix&, const PathAttributes&)>;
    // Prefixes, in order, of routes that are accepted now and were not, and the other way round.
    struct Changes {
        std::vector<Prefix> learned;
        std::vector<Prefix> withdrawn;
    };
    // What a change means to those who see accepted routes only.
    enum class Effect : std::uint8_t { nothing, learned, withdrawn };

    // A route of the peer, new or instead of the one before.
    Effect replace(const Prefix& prefix, Route route);
    Effect withdraw(const Prefix& prefix);
    // Forgets everything; the prefixes that were accepted, in order.
    std::vector<Prefix> clear();
    void mark_stale(Family family);
    // Forgets what is still stale; the prefixes of these that were accepted, in order.
    std::vector<Prefix> sweep(Family family);

    // The rules have changed; what was refused is still here, so that the peer need not be asked.
    [[nodiscard]] Changes judge_again(const Judge& judge);

    [[nodiscard]] std::size_t route_count(Family family) const { return counts_[index(family)]; }
    [[nodiscard]] std::size_t accepted_count(Family family) const {
        return accepted_[index(family)];
    }
    [[nodiscard]] std::size_t stale_count(Family family) const { return stale_[index(family)]; }
    [[nodiscard]] const Routes& routes() const { return routes_; }
    // Null: it is not there.
    [[nodiscard]] const Entry* find(const Prefix& prefix) const;
    // The most specific accepted one that holds the address; null: none. A look for each length.
    [[nodiscard]] const Entry* longest_match(const Address& address) const;

 private:
    static constexpr std::size_t index(Family family) { return static_cast<std::size_t>(family); }

    Routes routes_;
    std::array<std::size_t, 2> counts_{};
    std::array<std::size_t, 2> accepted_{};
    std::array<std::size_t, 2> stale_{};
};

}  // namespace detour::bgp
