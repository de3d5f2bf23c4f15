// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// One function for each kind of single value that the configuration knows and conf/types does not:
// from its text, exactly as it stands in the file, to a value. Numbers are decimal and never octal;
// words are taken from a list and a near miss is pointed out.
#pragma once

#include <cstdint>
#include <expected>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "conf/model/config.h"
#include "conf/types/parse_error.h"

namespace detour::model {

template <class T>
using Parsed = std::expected<T, ParseError>;

// Decimal digits only, within [low, high]; `what` names the thing in the message.
[[nodiscard]] Parsed<std::uint64_t> parse_number(std::string_view text, std::uint64_t low,
                                                 std::uint64_t high, std::string_view what);

template <class T, std::uint64_t low, std::uint64_t high>
[[nodiscard]] Parsed<T> parse_number_in(std::string_view text) {
    const auto number = parse_number(text, low, high, "a number");
    if (!number)
        return std::unexpected(number.error());
    return static_cast<T>(*number);
}

[[nodiscard]] Parsed<std::string> parse_text(std::string_view text);
[[nodiscard]] Parsed<bool> parse_switch(std::string_view text);         // true, false
[[nodiscard]] Parsed<AsNumber> parse_as_number(std::string_view text);  // RFC 5396 asplain
// Numbers, or the name of a well-known one: NO_EXPORT.
[[nodiscard]] Parsed<Community> parse_community(std::string_view text);
// "NO_EXPORT"; empty: it is written as numbers.
[[nodiscard]] std::string_view name_of(const StandardCommunity& community);
[[nodiscard]] Parsed<DailyWindow> parse_daily_window(std::string_view text);  // 02:00-05:00
// An address that one host can have: not unspecified, multicast, broadcast or loopback.
[[nodiscard]] Parsed<Address> parse_host_address(std::string_view text);

// copy, or a number: what the outer header's DSCP is to be (RFC 2474).
[[nodiscard]] Parsed<std::optional<std::uint8_t>> parse_dscp(std::string_view text);
// never, or a duration.
[[nodiscard]] Parsed<std::optional<Duration>> parse_restart(std::string_view text);
// auto, off or a segment size: 0xffff, 0 or the number.
[[nodiscard]] Parsed<std::uint16_t> parse_mss(std::string_view text);
[[nodiscard]] Parsed<DontFragment> parse_dont_fragment(std::string_view text);
[[nodiscard]] Parsed<SourceCheck> parse_source_check(std::string_view text);

// tcp/443, udp/53 or none.
[[nodiscard]] Parsed<std::optional<SecondKind>> parse_second_kind(std::string_view text);

[[nodiscard]] Parsed<ImportRule::Action> parse_import_action(std::string_view text);
[[nodiscard]] Parsed<Mode> parse_mode(std::string_view text);
[[nodiscard]] Parsed<DataplaneKind> parse_dataplane_kind(std::string_view text);
[[nodiscard]] Parsed<PollMode> parse_poll_mode(std::string_view text);
[[nodiscard]] Parsed<UplinkKind> parse_uplink_kind(std::string_view text);
[[nodiscard]] Parsed<Profile> parse_profile(std::string_view text);
[[nodiscard]] Parsed<FailBack> parse_fail_back(std::string_view text);
[[nodiscard]] Parsed<LanDead> parse_lan_dead(std::string_view text);

// The choice that `text` was probably meant to be; empty when none is near.
[[nodiscard]] std::string_view nearest(std::string_view text,
                                       std::span<const std::string_view> choices);

}  // namespace detour::model
