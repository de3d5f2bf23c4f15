// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What one peer should have from us, and what it has: the difference is what remains to be sent
// (RFC 4271 3.2, Adj-RIB-Out). It has a place for each declared prefix and for no other, so that
// nothing else can be announced. A wish that changes back before it was sent costs no message; a
// changed announcement replaces the old one without a withdrawal between (RFC 4271 3.1: the
// implicit one). While there is no session everything is pending.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "conf/types/bytes.h"
#include "conf/types/prefix.h"
#include "controlplane/bgp/announcement.h"
#include "controlplane/bgp/peer.h"
#include "controlplane/bgp/wire/attribute_table.h"

namespace detour::bgp {

// What the announcements of one session have in common.
struct ExportContext {
    AsNumber own_asn;
    PeerScope scope = PeerScope::external;
    std::array<std::optional<Address>, 2> next_hops;  // by Family
};

class AdjRibOut {
 public:
    struct Refused {
        Prefix prefix;
        std::string reason;
    };
    // Prefixes that came one step further, in order.
    struct Step {
        std::vector<Prefix> announced;
        std::vector<Prefix> withdrawn;
        std::size_t message_count = 0;

        [[nodiscard]] bool empty() const { return announced.empty() && withdrawn.empty(); }
    };

    // Wishes that have no place any more are forgotten.
    void declare(std::set<Prefix> declared, const ExportContext& context);
    // The wish, completely. Refused are those without a place here.
    [[nodiscard]] std::vector<Refused> want(const AnnouncementSet& set);

    // A session begins, on a stream of its own: the peer has nothing.
    void open(const Negotiated& negotiated);
    // The session ended, and everything we announced in it.
    void close();
    // The peer asked to have everything again (RFC 2918).
    void resend(Family family);

    [[nodiscard]] bool has_pending() const { return is_open_ && !pending_.empty(); }
    // Appends UPDATEs to `out` until nothing is pending or `out` has grown by about `budget` bytes,
    // and says what they carry. Announcements with equal attributes share messages; announcements
    // come before withdrawals.
    [[nodiscard]] Step take(Bytes& out, std::size_t budget);
    // The messages of the last take() end at this offset of the stream.
    void sent(const Step& step, std::uint64_t end);
    // The peer's TCP has the stream up to here.
    [[nodiscard]] Step acknowledged(std::uint64_t offset);

    [[nodiscard]] std::size_t announced_count(Family family) const;
    [[nodiscard]] std::vector<AnnouncementView> view() const;

 private:
    struct Slot {
        std::optional<Announcement> wanted;
        std::optional<Announcement> sent;  // what the peer has, or TCP will bring it
        bool must_resend = false;
        std::uint64_t version = 0;  // of the last message about this prefix
    };
    struct InFlight {
        std::uint64_t end = 0;
        std::uint64_t version = 0;
        Step step;
    };

    [[nodiscard]] PathAttributes attributes_of(const Announcement& announcement,
                                               Family family) const;
    [[nodiscard]] std::string refusal(const Prefix& prefix, const Announcement& announcement) const;
    // Notes whether there is something to send about the prefix.
    void consider(const Prefix& prefix, const Slot& slot);
    [[nodiscard]] bool is_current(const Prefix& prefix, std::uint64_t version) const;
    void take_announcements(Bytes& out, std::size_t limit, Step& step);
    void take_withdrawals(Bytes& out, std::size_t limit, Step& step);

    ExportContext context_;
    std::map<Prefix, Slot> slots_;  // the declared prefixes, and those still to be withdrawn
    std::set<Prefix> declared_;
    std::set<Prefix> pending_;  // wish and truth differ
    std::deque<InFlight> in_flight_;
    std::uint64_t version_ = 0;  // of the last take()
    std::uint64_t acknowledged_version_ = 0;
    bool is_open_ = false;
    Negotiated negotiated_;
};

}  // namespace detour::bgp
