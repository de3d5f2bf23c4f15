// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A peer's stream, through framer, OPEN and capabilities, state machine and tables, cut into pieces
// and with time between them. The first two octets choose: what was configured, how it is cut.
#include <functional>
#include <string>

#include "controlplane/bgp/speaker.h"
#include "controlplane/bgp/wire/framer.h"
#include "tests/fuzz/bgp_mutator.h"
#include "tests/fuzz/input.h"

using namespace detour;
using namespace detour::bgp;

namespace {

constexpr PeerId peer{0};
constexpr std::uint32_t max_prefixes = 20;
const Prefix own(Address::ipv4(0xc6336400), 24);

SpeakerConfig config_by(std::uint8_t choice) {
    PeerConfig config;
    config.id = peer;
    config.transport.local = Address::ipv4(0xc0000202);
    config.transport.remote = Address::ipv4(0xc0000201);
    config.asn = AsNumber((choice & 1) == 0 ? 64496 : 64500);
    config.next_hops[0] = config.transport.local;
    if ((choice & 2) == 0)
        config.next_hops[1] =
            Address::ipv6({0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2});
    config.max_prefixes = max_prefixes;
    if ((choice & 4) != 0)
        config.role = Role::customer;
    if ((choice & 8) != 0)
        config.timers.restart = Duration::zero();
    SpeakerConfig result;
    result.asn = AsNumber(64500);
    result.router_id = config.transport.local;
    result.declared = {own};
    result.peers = {config};
    return result;
}

class Case {
 public:
    explicit Case(std::uint8_t choice) : speaker_([] { return 0.5; }) {
        take(speaker_.configure(now_, config_by(choice)));
        give(Announce{peer, {{own, {}}}});
        give(Connected{connection_});
    }
    void hear(std::span<const std::uint8_t> bytes) {
        const Bytes exact(bytes.begin(), bytes.end());
        give(Received{connection_, exact});
        now_ += std::chrono::milliseconds(700);
        if (const auto due = speaker_.next_deadline(); due && *due <= now_)
            give(Tick{});
        look();
    }
    void end() {
        give(Closed{connection_, "reset"});
        now_ += std::chrono::hours(1);
        for (int i = 0; i < 8; ++i)
            give(Tick{});
        look();
        // Whatever it was: an hour later nothing of it is believed.
        const PeerView view = *speaker_.peer(peer);
        must(view.state == State::established || view.accepted[0] + view.accepted[1] == 0);
    }

 private:
    void give(const Input& input) { take(speaker_.handle(now_, input)); }
    void take(const Outputs& outputs) {
        for (const Output& output : outputs) {
            if (const auto* call = std::get_if<Connect>(&output))
                connection_ = call->connection;
            if (const auto* send = std::get_if<Send>(&output))
                read_own(send->bytes);
            if (const auto* learned = std::get_if<RoutesLearned>(&output))
                known_ += learned->prefixes.size();
        }
    }
    // What we say is always well-formed.
    static void read_own(const Bytes& bytes) {
        Framer framer;
        framer.allow_extended_messages();
        framer.feed(bytes);
        std::size_t size = 0;
        auto frame = framer.next();
        for (; frame && *frame; frame = framer.next())
            size += header_size + (*frame)->body.size();
        must(frame.has_value());
        must(size == bytes.size());
    }
    void look() {
        const PeerView view = *speaker_.peer(peer);
        for (const Family family : families) {
            const auto index = static_cast<std::size_t>(family);
            must(view.received[index] <= max_prefixes);
            must(view.accepted[index] <= view.received[index]);
            must(view.stale[index] <= view.received[index]);
        }
        must(view.announced[0] <= 1 && view.announced[1] == 0);
        must(speaker_.routes(peer).size() == view.received[0] + view.received[1]);
    }

    Instant now_{};
    Speaker speaker_;
    ConnectionId connection_;
    std::size_t known_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    if (size < 2)
        return 0;
    Case a_case(data[0]);
    // Small pieces of small inputs only: each is looked at, and a thousand of them are one input.
    const std::size_t piece = std::max<std::size_t>(data[1] == 0 ? size : data[1], size / 128 + 1);
    for (std::size_t at = 2; at < size; at += piece)
        a_case.hear({data + at, std::min(piece, size - at)});
    a_case.end();
    return 0;
}

extern "C" std::size_t LLVMFuzzerCustomMutator(std::uint8_t* data, std::size_t size,
                                               std::size_t max_size, unsigned seed) {
    std::minstd_rand random(seed);
    if (size < 2 + header_size || max_size < 64 || random() % 4 == 0)
        return LLVMFuzzerMutate(data, size, max_size);
    bgp::fuzz::Pieces pieces = bgp::fuzz::messages_of(data + 2, size - 2);
    bgp::fuzz::mutate_pieces(pieces, max_size / 2, random);
    return 2 + bgp::fuzz::stored(bgp::fuzz::stream_of(pieces), data + 2, max_size - 2);
}
