// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A twin: the kernel's end of a port (a TAP with the port's MAC) or of a tunnel (a TUN). What the
// fast path punts is written into it, what the kernel sends out of it is read from it. The
// interface outlives this process when a keeper holds a queue of it; without one it is made
// persistent, so that a crash leaves it with its addresses but without carrier.
#pragma once

#include <array>
#include <cstdint>
#include <expected>
#include <optional>
#include <string>

#include "conf/types/ids.h"
#include "dataplane/engine/descriptor.h"
#include "dataplane/engine/error.h"
#include "dataplane/engine/keeper.h"
#include "dataplane/engine/kernel_link.h"
#include "dataplane/engine/undo.h"

namespace detour::engine {

enum class Carrier : std::uint8_t { off, on };

struct TwinRequest {
    std::string name;
    TwinKind kind = TwinKind::tap;
    std::uint16_t mtu = 1500;
    std::optional<std::array<std::uint8_t, 6>> mac{};  // of the port; TAP only
};

class Twin {
 public:
    // Makes the interface or takes the one that is there (kept, persistent, or prepared by the
    // operator). A new one gets its MAC and MTU, then is set up, without carrier. Refused: an
    // interface of that name that is something else, or whose queue another process has open.
    [[nodiscard]] static std::expected<Twin, Error> open(const TwinRequest& request, Keeper& keeper,
                                                         UndoFile& undo);

    [[nodiscard]] const std::string& name() const { return name_; }
    [[nodiscard]] TwinKind kind() const { return kind_; }
    [[nodiscard]] InterfaceIndex index() const { return index_; }
    // Non-blocking; a read or write is one frame (TAP) or packet (TUN).
    [[nodiscard]] int descriptor() const { return queue_.get(); }
    // The interface was there before: its carrier is what the last instance left.
    [[nodiscard]] bool is_resumed() const { return is_resumed_; }

    void set_carrier(Carrier carrier);
    // As the kernel has it; nothing when the interface is gone.
    [[nodiscard]] std::optional<std::uint16_t> mtu() const;
    [[nodiscard]] std::expected<void, Error> set_mtu(std::uint16_t mtu);

    // A clean stop: what this or a crashed instance made without a keeper goes away.
    static void remove(const std::string& name);

 private:
    Twin() = default;

    std::string name_;
    TwinKind kind_ = TwinKind::tap;
    InterfaceIndex index_;
    Descriptor queue_;
    bool is_resumed_ = false;
};

}  // namespace detour::engine
