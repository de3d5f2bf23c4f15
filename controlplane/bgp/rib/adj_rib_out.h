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
#include <memory>
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
    std::optional<Role> role;                         // RFC 9234
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
    // The wish, as far as it changes; costs nothing for the prefixes that are not named.
    [[nodiscard]] std::vector<Refused> change(const AnnouncementChange& change);

    // A session begins, on a stream of its own: the peer has nothing.
    void open(const Negotiated& negotiated);
    // The session ended, and everything we announced in it.
    void close();
    // The peer asked to have everything again (RFC 2918).
    void resend(Family family);

    [[nodiscard]] bool has_pending() const { return is_open_ && pending_count_ != 0; }
    // Appends UPDATEs to `out` until nothing is pending or `out` has grown by about `budget` bytes,
    // and says what they carry. Announcements with equal attributes share messages; announcements
    // come before withdrawals.
    [[nodiscard]] Step take(Bytes& out, std::size_t budget);
    // The messages of the last take() end at this offset of the stream.
    void sent(const Step& step, std::uint64_t end);
    // The peer's TCP has the stream up to here.
    [[nodiscard]] Step acknowledged(std::uint64_t offset);

    [[nodiscard]] std::size_t announced_count(Family family) const {
        return announced_counts_[static_cast<std::size_t>(family)];
    }
    [[nodiscard]] WishProgress progress(const Prefix& prefix) const;
    [[nodiscard]] std::vector<AnnouncementView> view() const;

 private:
    // Equal announcements are one object, so that they compare and group by address.
    using Wish = std::shared_ptr<const Announcement>;
    struct Slot {
        Prefix prefix;
        Wish wanted;                // null: not to be announced
        Wish sent;                  // what the peer has, or TCP will bring it; null: it has nothing
        std::uint64_t version = 0;  // of the last message about this prefix in this session
        bool is_declared = false;
        bool must_resend = false;
        bool is_pending = false;  // wish and truth differ
        bool is_listed = false;   // among pending_
    };
    using Index = std::uint32_t;  // into slots_
    struct InFlight {
        std::uint64_t end = 0;
        std::uint64_t version = 0;
        std::vector<Index> slots;
    };
    struct Group;

    [[nodiscard]] Wish shared(const Announcement& announcement);
    [[nodiscard]] const Slot* find(const Prefix& prefix) const;
    // The same for many in order: `hint` is where the next one probably is.
    [[nodiscard]] Slot* find(const Prefix& prefix, std::size_t& hint);
    [[nodiscard]] PathAttributes attributes_of(const Announcement& announcement,
                                               Family family) const;
    // Why the wish is not granted; a prefix that has no slot is declared nowhere.
    [[nodiscard]] std::string refusal(const Slot* slot, const Announcement& announcement) const;
    // Notes whether there is something to send about the prefix.
    void consider(Slot& slot);
    void consider_all();
    void set_sent(Slot& slot, Wish sent);
    void replace_slots(std::vector<Slot> slots);
    [[nodiscard]] Progress progress(const Slot& slot) const;
    [[nodiscard]] std::vector<Group> grouped() const;
    void take_announcements(Bytes& out, std::size_t limit, Step& step);
    void take_withdrawals(Bytes& out, std::size_t limit, Step& step);
    void note_taken(Slot& slot);

    ExportContext context_;
    std::vector<Slot> slots_;  // by prefix: the declared ones, and those still to be withdrawn
    std::set<Prefix> declared_;
    std::map<Announcement, std::weak_ptr<const Announcement>> shared_;
    std::vector<Index> pending_;  // some may be pending no more
    std::size_t pending_count_ = 0;
    std::array<std::size_t, 2> announced_counts_{};  // by Family
    std::vector<Index> taken_;                       // by the last take()
    std::deque<InFlight> in_flight_;
    std::uint64_t version_ = 0;  // of the last take()
    std::uint64_t acknowledged_version_ = 0;
    bool is_open_ = false;
    Negotiated negotiated_;
};

}  // namespace detour::bgp
