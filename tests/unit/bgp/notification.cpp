// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/bgp/wire/notification.h"

#include <doctest/doctest.h>

#include "tests/unit/bgp/wire.h"

using namespace detour::bgp;
using namespace detour::bgp::test;
using detour::Bytes;

TEST_CASE("RFC 4271 4.5: a NOTIFICATION survives the wire") {
    const Notification sent(UpdateError::attribute_length, {0x40, 1, 2, 0, 0});
    CHECK(decode_notification(body_of(encode(sent))) == sent);
}

TEST_CASE("RFC 4486 4: errors have the names of the RFCs") {
    CHECK(to_string(Notification(CeaseReason::max_prefixes)) ==
          "Cease/Maximum Number of Prefixes Reached");
    CHECK(to_string(Notification(OpenError::bad_peer_as)) == "OPEN Message Error/Bad Peer AS");
    CHECK(to_string(Notification(ErrorCode::hold_timer_expired, 0)) == "Hold Timer Expired");
    CHECK(to_string(Notification(FsmError::in_open_confirm)) ==
          "Finite State Machine Error/Receive Unexpected Message in OpenConfirm State");
    CHECK(to_string(Notification(ErrorCode::cease, 77)) == "Cease/subcode 77");
    CHECK(to_string(Notification(static_cast<ErrorCode>(99), 3)) == "error 99/subcode 3");
}

TEST_CASE("RFC 9003 2, RFC 8203: the shutdown communication is carried and shown") {
    const auto sent = Notification::shutdown(CeaseReason::administrative_shutdown,
                                             "maintenance until 04:00, caf\xc3\xa9");
    const auto heard = decode_notification(body_of(encode(sent)));
    CHECK(heard.shutdown_communication() == "maintenance until 04:00, caf\xc3\xa9");
    CHECK(to_string(heard) ==
          "Cease/Administrative Shutdown: maintenance until 04:00, caf\xc3\xa9");
}

TEST_CASE("RFC 9003 2: a communication of more than 255 octets is cut at a character") {
    std::string text(254, 'x');
    text += "\xc3\xa9";
    const auto sent = Notification::shutdown(CeaseReason::administrative_shutdown, text);
    CHECK(sent.shutdown_communication() == std::string(254, 'x'));
}

TEST_CASE(
    "RFC 9003 3, 5: what is not UTF-8 of the announced length is not shown, controls escaped") {
    const auto heard = [](Bytes data) {
        return Notification(CeaseReason::administrative_reset, std::move(data))
            .shutdown_communication();
    };
    CHECK(heard({}) == std::nullopt);
    CHECK(heard({0}) == std::nullopt);
    CHECK(heard({3, 'a', 'b'}) == std::nullopt);
    CHECK(heard({2, 0xc3, 'a'}) == std::nullopt);
    CHECK(heard({3, 0xed, 0xa0, 0x80}) == std::nullopt);
    CHECK(heard({4, 0xf0, 0x8f, 0xbf, 0xbf}) == std::nullopt);
    CHECK(heard({4, 'a', 0x1b, '[', 0x7f}) == "a\\x1b[\\x7f");
    CHECK(heard({3, 'a', 0xc2, 0x9b}) == "a\\x9b");
    CHECK(heard({4, 0xf0, 0x9f, 0x9a, 0xa7}) == "\xf0\x9f\x9a\xa7");
    CHECK(Notification(CeaseReason::bfd_down, {2, 'h', 'i'}).shutdown_communication() ==
          std::nullopt);
}

TEST_CASE("a NOTIFICATION's data never exceeds a message") {
    CHECK(encode(Notification(UpdateError::optional_attribute, Bytes(60000))).size() == 4096);
}
