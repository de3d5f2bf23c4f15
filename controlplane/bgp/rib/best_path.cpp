// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/bgp/rib/best_path.h"

#include <algorithm>
#include <limits>
#include <optional>

namespace detour::bgp {

namespace {

constexpr std::uint32_t default_local_pref = 100;

std::uint32_t preference(const Candidate& candidate) {
    return candidate.attributes->local_pref.value_or(default_local_pref);
}

// RFC 4271 9.1.2.2 c: "the neighboring AS from which the route was received"; of a route that
// internal peers originated there is none, and such routes compare among themselves.
std::optional<AsNumber> neighbour(const Candidate& candidate) {
    return candidate.attributes->as_path.first();
}

// "routes that do not have the MULTI_EXIT_DISC attribute are considered to have the lowest possible
// MULTI_EXIT_DISC value".
std::uint32_t med(const Candidate& candidate) {
    return candidate.attributes->med.value_or(0);
}

// The candidates, and what has decided against each so far.
class Contest {
 public:
    explicit Contest(std::span<const Candidate> candidates)
        : candidates_(candidates), lost_at_(candidates.size(), PathStep::none) {}

    // Those that stay have the lowest rank.
    template <class Rank>
    void keep_lowest(PathStep step, Rank rank) {
        using Value = decltype(rank(candidates_.front()));
        std::optional<Value> lowest;
        for (std::size_t i = 0; i < candidates_.size(); ++i)
            if (is_in(i) && (!lowest || rank(candidates_[i]) < *lowest))
                lowest = rank(candidates_[i]);
        for (std::size_t i = 0; i < candidates_.size(); ++i)
            if (is_in(i) && rank(candidates_[i]) != *lowest)
                lost_at_[i] = step;
    }

    // "for m = all routes still under consideration, for n = ...: if (neighborAS(m) ==
    // neighborAS(n)) and (MED(n) < MED(m)) remove route m".
    void compare_meds() {
        std::vector<std::size_t> behind;
        for (std::size_t m = 0; m < candidates_.size(); ++m)
            for (std::size_t n = 0; n < candidates_.size(); ++n)
                if (is_in(m) && is_in(n) &&
                    neighbour(candidates_[m]) == neighbour(candidates_[n]) &&
                    med(candidates_[n]) < med(candidates_[m])) {
                    behind.push_back(m);
                    break;
                }
        for (const std::size_t m : behind)
            lost_at_[m] = PathStep::med;
    }

    [[nodiscard]] std::vector<PathStep> take() { return std::move(lost_at_); }

 private:
    [[nodiscard]] bool is_in(std::size_t i) const { return lost_at_[i] == PathStep::none; }

    std::span<const Candidate> candidates_;
    std::vector<PathStep> lost_at_;
};

}  // namespace

std::vector<PathStep> compare_paths(std::span<const Candidate> candidates) {
    if (candidates.empty())
        return {};
    Contest contest(candidates);
    contest.keep_lowest(PathStep::local_preference, [](const Candidate& candidate) {
        return std::numeric_limits<std::uint32_t>::max() - preference(candidate);
    });
    contest.keep_lowest(PathStep::path_length, [](const Candidate& candidate) {
        return candidate.attributes->as_path.length();
    });
    contest.keep_lowest(PathStep::origin,
                        [](const Candidate& candidate) { return candidate.attributes->origin; });
    contest.compare_meds();
    contest.keep_lowest(PathStep::external, [](const Candidate& candidate) {
        return candidate.scope == PeerScope::external ? 0 : 1;
    });
    contest.keep_lowest(PathStep::router_id,
                        [](const Candidate& candidate) { return candidate.router_id; });
    contest.keep_lowest(PathStep::address,
                        [](const Candidate& candidate) { return candidate.remote; });
    return contest.take();
}

std::string_view to_string(PathStep step) {
    switch (step) {
        case PathStep::none:
            return "";
        case PathStep::local_preference:
            return "a lower LOCAL_PREF";
        case PathStep::path_length:
            return "a longer AS_PATH";
        case PathStep::origin:
            return "a higher ORIGIN";
        case PathStep::med:
            return "a higher MULTI_EXIT_DISC from the same AS";
        case PathStep::external:
            return "from an internal peer";
        case PathStep::router_id:
            return "a higher BGP identifier";
        case PathStep::address:
            return "a higher address of the peer";
    }
    return "?";
}

}  // namespace detour::bgp
