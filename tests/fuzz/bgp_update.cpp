// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The body of an UPDATE, and what a session agreed on before it (one octet of choices in front).
#include "controlplane/bgp/policy/import.h"
#include "controlplane/bgp/wire/update.h"
#include "tests/fuzz/bgp_mutator.h"
#include "tests/fuzz/input.h"

using namespace detour;
using namespace detour::bgp;

namespace {

Negotiated negotiated_by(std::uint8_t choice) {
    Negotiated negotiated;
    negotiated.families = {(choice & 1) == 0, (choice & 2) == 0};
    negotiated.has_four_octet_as = (choice & 4) == 0;
    negotiated.has_extended_next_hop = (choice & 8) == 0;
    return negotiated;
}

void judge(const PathAttributes& attributes) {
    const std::vector own{Address::ipv4(0xc0000202)};
    for (const auto role : {std::optional<Role>(), std::optional(Role::customer),
                            std::optional(Role::peer), std::optional(Role::provider)}) {
        const ImportContext context{AsNumber(64500), AsNumber(64496), own, role};
        must(to_string(judge_attributes(attributes, context)).size() < 200);
        must(!needs_mark(attributes, context) || !attributes.only_to_customer);
    }
    must(!to_string(attributes).empty());
}

// What can be read can be said, and is then read as the same.
void say_again(const ReachableRoutes& routes) {
    Negotiated all = negotiated_by(0);
    all.has_extended_messages = true;
    Bytes bytes;
    const std::size_t count =
        encode_announcement(bytes, *routes.attributes, routes.prefixes, UpdateForm(all));
    must(count == routes.prefixes.size());
    must(bytes.size() <= max_extended_message_size);
    const auto again = decode_update(std::span<const std::uint8_t>(bytes).subspan(header_size), all,
                                     PeerScope::internal);
    must(again.has_value());
    // LOCAL_PREF is mandatory among internal peers.
    if (!routes.attributes->local_pref)
        return must(again->is_treated_as_withdraw());
    must(again->reachable.size() == 1);
    must(*again->reachable[0].attributes == *routes.attributes);
    must(again->reachable[0].prefixes == routes.prefixes);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size == 0)
        return 0;
    const Bytes body(data + 1, data + size);
    const Negotiated negotiated = negotiated_by(data[0]);
    const auto scope = (data[0] & 16) == 0 ? PeerScope::external : PeerScope::internal;
    const auto update = decode_update(body, negotiated, scope);
    if (!update) {
        must(update.error().code == ErrorCode::update_message);
        must(!to_string(update.error()).empty());
        return 0;
    }
    must(!update->is_treated_as_withdraw() || update->reachable.empty());
    for (const AttributeFault& fault : update->faults)
        must(fault.action != ErrorAction::none && fault.action != ErrorAction::reset);
    for (const ReachableRoutes& routes : update->reachable) {
        must(negotiated.carries(routes.family));
        must(!routes.prefixes.empty());
        for (const Prefix& prefix : routes.prefixes)
            must(prefix.family() == routes.family);
        judge(*routes.attributes);
        say_again(routes);
    }
    return 0;
}

// Withdrawn routes, path attributes one by one, NLRI.
extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
    std::minstd_rand random(seed);
    if (size < 5 || random() % 4 == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    ByteReader reader(std::span<const std::uint8_t>(data, size));
    const std::uint8_t choice = reader.u8();
    const auto withdrawn = reader.bytes(reader.u16());
    ByteReader list = reader.sub(reader.u16());
    const auto nlri = reader.bytes(reader.remaining());
    if (!reader.ok())
        return LLVMFuzzerMutate(data, size, max_size);
    bgp::fuzz::Pieces pieces;
    while (list.ok() && !list.at_end()) {
        std::vector<std::uint8_t> piece{list.u8(), list.u8()};
        const std::size_t length = (piece[0] & flag_extended_length) != 0 ? list.u16() : list.u8();
        const auto value = list.bytes(length);
        piece.insert(piece.end(), value.begin(), value.end());
        pieces.push_back(std::move(piece));
    }
    // The prefixes are pieces too, and keep their places at the ends.
    pieces.emplace_back(withdrawn.begin(), withdrawn.end());
    pieces.emplace_back(nlri.begin(), nlri.end());
    const std::size_t before = pieces.size();
    bgp::fuzz::mutate_pieces(pieces, max_size / 2, random);
    if (pieces.size() < 2 || before < 2)
        return LLVMFuzzerMutate(data, size, max_size);
    const auto new_nlri = pieces.back();
    pieces.pop_back();
    const auto new_withdrawn = pieces.back();
    pieces.pop_back();

    Bytes attributes;
    ByteWriter writer(attributes);
    for (const auto& piece : pieces) {
        if (piece.size() < 2)
            continue;
        const std::size_t length = piece.size() - 2;
        writer.u8(static_cast<std::uint8_t>(length > 255 ? piece[0] | flag_extended_length
                                                         : piece[0] & ~flag_extended_length));
        writer.u8(piece[1]);
        if (length > 255)
            writer.u16(static_cast<std::uint16_t>(length));
        else
            writer.u8(static_cast<std::uint8_t>(length));
        writer.bytes(std::span(piece).subspan(2));
    }
    Bytes result{choice};
    ByteWriter whole(result);
    whole.u16(static_cast<std::uint16_t>(new_withdrawn.size()));
    whole.bytes(new_withdrawn);
    whole.u16(static_cast<std::uint16_t>(attributes.size()));
    whole.bytes(attributes);
    whole.bytes(new_nlri);
    return bgp::fuzz::stored(result, data, max_size);
}
