// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the kernel knows about an interface of its own: asked for by name over rtnetlink, and a
// watch that wakes when any of them changes.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <optional>
#include <string>

#include "conf/types/ids.h"
#include "dataplane/engine/error.h"

struct mnl_socket;

namespace detour::engine {

enum class TwinKind : std::uint8_t { tap, tun };

struct KernelLink {
    InterfaceIndex index;
    bool is_up = false;               // administratively up and with carrier
    std::optional<TwinKind> kind{};   // nothing: not a TUN or TAP
    std::uint32_t active_queues = 0;  // of a TUN or TAP: open in some process and taking packets
    std::uint32_t group = 0;
};

// Nothing when there is no interface of that name.
[[nodiscard]] std::expected<std::optional<KernelLink>, Error> find_link(const std::string& name);

// Makes the kernel say at once what state an interface is in. Left alone, it tells of a carrier
// that went up to a second late when another link changed just before, as a veth under a port does.
void tell_link(const std::string& name);

// Becomes readable when some link of the network namespace changed.
class LinkWatch {
 public:
    [[nodiscard]] static std::expected<LinkWatch, Error> open();

    [[nodiscard]] int descriptor() const;
    // Takes back what made the descriptor readable. The changes themselves are asked for
    // (find_link), so that a lost notification is only a late one.
    void clear();

 private:
    struct Close {
        void operator()(mnl_socket* socket) const;
    };
    std::unique_ptr<mnl_socket, Close> socket_;
};

}  // namespace detour::engine
