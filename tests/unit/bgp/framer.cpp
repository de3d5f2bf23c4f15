// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/bgp/wire/framer.h"

#include <doctest/doctest.h>

#include "tests/unit/bgp/wire.h"

using namespace detour::bgp;
using namespace detour::bgp::test;
using detour::Bytes;
using detour::Family;

namespace {

// A header that claims what it likes.
Bytes header(std::size_t size, unsigned type) {
    Bytes bytes(16, 0xff);
    bytes.push_back(static_cast<std::uint8_t>(size >> 8));
    bytes.push_back(static_cast<std::uint8_t>(size));
    bytes.push_back(static_cast<std::uint8_t>(type));
    return bytes;
}

}  // namespace

TEST_CASE("RFC 4271 4.1: messages come out whole, however the stream is cut") {
    const Bytes stream =
        concatenated({encode_keepalive(), message(MessageType::update, {0, 0, 0, 0}),
                      encode(RouteRefresh{Family::ipv6}), encode_keepalive()});
    for (std::size_t chunk = 1; chunk <= stream.size(); ++chunk) {
        CAPTURE(chunk);
        Framer framer;
        std::vector<MessageType> types;
        std::vector<std::size_t> sizes;
        for (std::size_t at = 0; at < stream.size(); at += chunk) {
            framer.feed(std::span(stream).subspan(at, std::min(chunk, stream.size() - at)));
            for (auto frame = framer.next(); frame && *frame; frame = framer.next()) {
                types.push_back((*frame)->type);
                sizes.push_back((*frame)->body.size());
            }
        }
        CHECK(types == std::vector{MessageType::keepalive, MessageType::update,
                                   MessageType::route_refresh, MessageType::keepalive});
        CHECK(sizes == std::vector<std::size_t>{0, 4, 4, 0});
    }
}

TEST_CASE("RFC 4271 6.1: header errors are named as soon as the header is there") {
    struct Row {
        const char* what;
        Bytes header;
        Notification error;
    };
    Bytes broken_marker = header(19, 4);
    broken_marker[7] = 0xfe;
    const std::vector<Row> rows{
        {"marker not all ones", broken_marker, Notification(HeaderError::not_synchronized)},
        {"shorter than a header", header(18, 4), Notification(HeaderError::bad_length, {0, 18})},
        {"longer than 4096", header(4097, 2), Notification(HeaderError::bad_length, {0x10, 0x01})},
        {"OPEN shorter than 29", header(28, 1), Notification(HeaderError::bad_length, {0, 28})},
        {"UPDATE shorter than 23", header(22, 2), Notification(HeaderError::bad_length, {0, 22})},
        {"NOTIFICATION shorter than 21", header(20, 3),
         Notification(HeaderError::bad_length, {0, 20})},
        {"KEEPALIVE longer than 19", header(20, 4), Notification(HeaderError::bad_length, {0, 20})},
        {"type 0", header(19, 0), Notification(HeaderError::bad_type, {0})},
        {"type 6", header(19, 6), Notification(HeaderError::bad_type, {6})},
    };
    for (const Row& row : rows) {
        CAPTURE(row.what);
        Framer framer;
        framer.feed(row.header);
        const auto frame = framer.next();
        REQUIRE_FALSE(frame.has_value());
        CHECK(frame.error() == row.error);
    }
}

TEST_CASE("RFC 8654 4: once negotiated, an UPDATE may have 65535 octets, OPEN and KEEPALIVE not") {
    Framer framer;
    framer.allow_extended_messages();
    const Bytes large = message(MessageType::update, Bytes(65535 - header_size));
    framer.feed(large);
    const auto frame = framer.next();
    REQUIRE((frame && *frame));
    CHECK((*frame)->body.size() == 65535 - header_size);

    Framer strict;
    strict.allow_extended_messages();
    strict.feed(header(4097, 1));
    CHECK(strict.next().error() == Notification(HeaderError::bad_length, {0x10, 0x01}));
}

TEST_CASE("RFC 2918 3, RFC 7313 3.2: ROUTE-REFRESH names a family and what it is about it") {
    using Kind = RouteRefresh::Kind;
    for (const Family family : detour::families)
        for (const Kind kind : {Kind::request, Kind::begin, Kind::end}) {
            const RouteRefresh refresh{family, kind};
            const Bytes bytes = encode(refresh);
            CHECK(decode_route_refresh(body_of(bytes)) == refresh);
        }
    CHECK(decode_route_refresh(Bytes{0, 1, 0, 128}) == std::nullopt);
}

TEST_CASE("RFC 7313 5: unknown subtypes are ignored, a wrong length is told with the message") {
    CHECK(decode_route_refresh(Bytes{0, 1, 3, 1}) == std::nullopt);
    CHECK(decode_route_refresh(Bytes{0, 1, 255, 1}) == std::nullopt);
    const Bytes whole = message(MessageType::route_refresh, {0, 1, 1, 1, 0});
    const auto error = decode_route_refresh(body_of(whole));
    REQUIRE_FALSE(error.has_value());
    CHECK(error.error() == Notification(ErrorCode::route_refresh_message, 1, whole));
    CHECK(to_string(error.error()) == "ROUTE-REFRESH Message Error/Invalid Message Length");
}
