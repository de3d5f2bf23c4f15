// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What should be announced to a peer, as a value: the speaker makes it true with the fewest
// messages. ORIGIN, AS_PATH and next hop are the speaker's own (IGP, our AS, our address on the
// peer's link); a caller says only what may differ.
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "conf/types/prefix.h"
#include "controlplane/bgp/wire/path_attributes.h"

namespace detour::bgp {

struct Announcement {
    std::uint8_t prepend = 0;  // our AS this many times more than once
    std::optional<std::uint32_t> med;
    std::vector<Community> communities;
    std::vector<LargeCommunity> large_communities;

    friend auto operator<=>(const Announcement&, const Announcement&) = default;
};

using AnnouncementSet = std::map<Prefix, Announcement>;

// What is to be different from now on; prefixes that are not named stay as they are. Prefixes in
// order cost the least.
struct AnnouncementChange {
    std::vector<Prefix> prefixes;
    std::optional<Announcement> announcement;  // nothing: they are withdrawn
};

// How far the wish about one prefix has come.
enum class Progress : std::uint8_t {
    pending,       // no session, or not yet written
    sent,          // given to TCP
    acknowledged,  // the peer's TCP has it
};

// Of one prefix: what is wished of it, and how far that has come.
struct WishProgress {
    enum class Wish : std::uint8_t { nothing, announcement };

    Wish wish = Wish::nothing;
    Progress progress = Progress::pending;
};

struct AnnouncementView {
    Prefix prefix;
    Progress progress = Progress::pending;
    PathAttributes attributes;  // as they go out
};

[[nodiscard]] std::string_view to_string(Progress progress);

}  // namespace detour::bgp
