// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A reply on its way back to the box: bytes of the shipping codec, and the uplink it will come in
// by.
#pragma once

#include <cstdint>

#include "conf/types/address.h"
#include "conf/types/bytes.h"
#include "conf/types/ids.h"
#include "controlplane/probe/prober.h"

namespace sim {

struct Packet {
    detour::UplinkId arrival{};
    detour::Address source{};
    detour::Address destination{};
    detour::probe::Kind kind = detour::probe::Kind::icmp;
    // An echo reply, which nearly all are, is described by its first bytes and a size; others are
    // written out.
    detour::probe::EchoHead head{};
    std::uint16_t size = 0;
    detour::Bytes message{};
    // For the judge alone, who is to know what the box has heard; the box is not told.
    detour::probe::Class probe_class = detour::probe::Class::control;
    detour::UplinkId sent_by{};
    bool is_full_size = false;
};

}  // namespace sim
