// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/model/scalars.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdlib>
#include <vector>

namespace detour::model {
namespace {

std::unexpected<ParseError> refuse(std::string message, std::size_t offset = 0) {
    return std::unexpected(ParseError{std::move(message), offset});
}

// Insertions, deletions, replacements and swaps of neighbours that turn one word into the other.
std::size_t distance(std::string_view from, std::string_view to) {
    std::vector<std::size_t> before_last(to.size() + 1);
    std::vector<std::size_t> last(to.size() + 1);
    std::vector<std::size_t> row(to.size() + 1);
    for (std::size_t j = 0; j <= to.size(); ++j)
        row[j] = j;
    for (std::size_t i = 1; i <= from.size(); ++i) {
        before_last.swap(last);
        last.swap(row);
        row[0] = i;
        for (std::size_t j = 1; j <= to.size(); ++j) {
            const bool same = from[i - 1] == to[j - 1];
            row[j] = std::min({last[j] + 1, row[j - 1] + 1, last[j - 1] + (same ? 0U : 1U)});
            if (i > 1 && j > 1 && from[i - 1] == to[j - 2] && from[i - 2] == to[j - 1])
                row[j] = std::min(row[j], before_last[j - 2] + 1);
        }
    }
    return row[to.size()];
}

template <class T, std::size_t count>
Parsed<T> parse_word(std::string_view text,
                     const std::array<std::pair<std::string_view, T>, count>& words) {
    std::array<std::string_view, count> names;
    for (std::size_t i = 0; i < count; ++i) {
        if (words[i].first == text)
            return words[i].second;
        names[i] = words[i].first;
    }
    const auto meant = nearest(text, names);
    return refuse(meant.empty() ? fmt::format("one of {} is wanted", fmt::join(names, ", "))
                                : fmt::format("one of {} is wanted; did you mean \"{}\"?",
                                              fmt::join(names, ", "), meant));
}

constexpr std::array<std::pair<std::string_view, StandardCommunity>, 5> well_known{
    {{"NO_EXPORT", {65535, 65281}},
     {"NO_ADVERTISE", {65535, 65282}},
     {"NO_EXPORT_SUBCONFED", {65535, 65283}},
     {"GRACEFUL_SHUTDOWN", {65535, 0}},
     {"BLACKHOLE", {blackhole.asn, blackhole.value}}}};

// "02:00" as minutes since midnight.
Parsed<std::chrono::minutes> parse_clock(std::string_view text) {
    const auto wrong = [] { return refuse("a time is written HH:MM, from 00:00 to 23:59"); };
    if (text.size() != 5 || text[2] != ':')
        return wrong();
    for (const std::size_t i : {0U, 1U, 3U, 4U})
        if (text[i] < '0' || text[i] > '9')
            return wrong();
    const int hours = (text[0] - '0') * 10 + text[1] - '0';
    const int minutes = (text[3] - '0') * 10 + text[4] - '0';
    if (hours > 23 || minutes > 59)
        return wrong();
    return std::chrono::minutes(hours * 60 + minutes);
}

}  // namespace

std::string_view nearest(std::string_view text, std::span<const std::string_view> choices) {
    // One slip in a short word, two in a longer one; more is another word. Long texts are no slips.
    if (text.size() > 40)
        return {};
    std::string_view best;
    std::size_t best_distance = text.size() < 5 ? 2 : 3;
    for (const std::string_view choice : choices)
        if (const std::size_t d = distance(text, choice); d < best_distance && d < choice.size()) {
            best = choice;
            best_distance = d;
        }
    return best;
}

Parsed<std::uint64_t> parse_number(std::string_view text, std::uint64_t low, std::uint64_t high,
                                   std::string_view what) {
    const auto stray = text.find_first_not_of("0123456789");
    if (text.empty() || stray != text.npos)
        return refuse(fmt::format("{} from {} to {} is wanted, in decimal digits", what, low, high),
                      text.empty() ? 0 : stray);
    if (text.size() > 1 && text.front() == '0')
        return refuse("a number does not start with 0 (octal or decimal?); write it without");
    std::uint64_t number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc{} || number < low || number > high)
        return refuse(fmt::format("{} from {} to {} is wanted", what, low, high));
    return number;
}

Parsed<std::string> parse_text(std::string_view text) {
    if (text.empty())
        return refuse("the text is empty");
    const auto control = std::find_if(text.begin(), text.end(), [](char c) {
        return static_cast<unsigned char>(c) < 0x20 || c == 0x7f;
    });
    if (control != text.end())
        return refuse("a control character is not allowed here",
                      static_cast<std::size_t>(control - text.begin()));
    return std::string(text);
}

Parsed<bool> parse_switch(std::string_view text) {
    static constexpr std::array<std::pair<std::string_view, bool>, 2> words{
        {{"true", true}, {"false", false}}};
    return parse_word(text, words);
}

Parsed<AsNumber> parse_as_number(std::string_view text) {
    if (text.starts_with("AS") || text.starts_with("as"))
        return refuse("an AS number is written without \"AS\"");
    if (text.find('.') != text.npos)
        return refuse("an AS number is written as one decimal number (asplain)", text.find('.'));
    const auto number = parse_number(text, 1, 4294967294, "an AS number");
    if (!number)
        return std::unexpected(number.error());
    if (*number == 23456)
        return refuse("23456 is AS_TRANS (RFC 6793) and nobody's own number");
    if (*number == 65535)
        return refuse("65535 is reserved (RFC 7300)");
    return AsNumber(static_cast<std::uint32_t>(*number));
}

std::string_view name_of(const StandardCommunity& community) {
    for (const auto& [name, known] : well_known)
        if (known == community)
            return name;
    return {};
}

Parsed<Community> parse_community(std::string_view text) {
    for (const auto& [name, community] : well_known)
        if (name == text)
            return community;
    std::vector<std::uint64_t> parts;
    const bool is_large = std::count(text.begin(), text.end(), ':') == 2;
    const std::uint64_t high = is_large ? 0xffffffff : 0xffff;
    std::size_t start = 0;
    while (start <= text.size()) {
        const std::size_t end = std::min(text.find(':', start), text.size());
        const auto part = parse_number(text.substr(start, end - start), 0, high, "a number");
        if (!part)
            return refuse(
                "a community is two numbers of 16 bits, 64496:100, or three of 32 bits, "
                "64496:1:100, or a well-known one's name, NO_EXPORT",
                start + part.error().offset);
        parts.push_back(*part);
        start = end + 1;
    }
    const auto at = [&](std::size_t i) { return static_cast<std::uint32_t>(parts[i]); };
    if (parts.size() == 3)
        return LargeCommunity{at(0), at(1), at(2)};
    if (parts.size() == 2)
        return StandardCommunity{static_cast<std::uint16_t>(parts[0]),
                                 static_cast<std::uint16_t>(parts[1])};
    return refuse("a community has two or three numbers with : between them");
}

Parsed<DailyWindow> parse_daily_window(std::string_view text) {
    const std::size_t dash = text.find('-');
    if (dash == text.npos)
        return refuse("a window is two times of the day in UTC: 02:00-05:00");
    const auto from = parse_clock(text.substr(0, dash));
    if (!from)
        return std::unexpected(from.error());
    const auto to = parse_clock(text.substr(dash + 1));
    if (!to)
        return refuse(to.error().message, dash + 1);
    if (*from == *to)
        return refuse("the window is empty: it ends when it begins");
    return DailyWindow{*from, *to};
}

Parsed<Address> parse_host_address(std::string_view text) {
    const auto address = Address::parse(text);
    if (!address)
        return std::unexpected(address.error());
    if (address->is_unspecified())
        return refuse("the unspecified address is nobody's");
    if (address->is_loopback())
        return refuse("a loopback address is not seen outside this host");
    if (address->is_multicast() || address->is_broadcast())
        return refuse("this is not the address of one host");
    return *address;
}

Parsed<std::optional<std::uint8_t>> parse_dscp(std::string_view text) {
    if (text == "copy")
        return std::optional<std::uint8_t>{};
    const auto number = parse_number(text, 0, 63, "a DSCP");
    if (!number)
        return refuse("copy, or a number from 0 to 63");
    return static_cast<std::uint8_t>(*number);
}

Parsed<std::optional<Duration>> parse_restart(std::string_view text) {
    if (text == "never")
        return std::optional<Duration>{};
    const auto duration = parse_duration(text);
    if (!duration)
        return refuse("never, or a duration: " + duration.error().message, duration.error().offset);
    return *duration;
}

Parsed<ImportRule::Action> parse_import_action(std::string_view text) {
    using Action = ImportRule::Action;
    static constexpr std::array<std::pair<std::string_view, Action>, 2> words{
        {{"accept", Action::accept}, {"refuse", Action::refuse}}};
    return parse_word(text, words);
}

Parsed<std::uint16_t> parse_mss(std::string_view text) {
    if (text == "auto")
        return std::uint16_t{0xffff};
    if (text == "off")
        return std::uint16_t{0};
    const auto number = parse_number(text, 216, 9176, "a segment size");
    if (!number)
        return refuse("auto, off, or a segment size from 216 to 9176");
    return static_cast<std::uint16_t>(*number);
}

Parsed<DontFragment> parse_dont_fragment(std::string_view text) {
    static constexpr std::array<std::pair<std::string_view, DontFragment>, 3> words{
        {{"set", DontFragment::set}, {"copy", DontFragment::copy}, {"clear", DontFragment::clear}}};
    return parse_word(text, words);
}

Parsed<SourceCheck> parse_source_check(std::string_view text) {
    static constexpr std::array<std::pair<std::string_view, SourceCheck>, 3> words{
        {{"off", SourceCheck::off},
         {"loose", SourceCheck::loose},
         {"strict", SourceCheck::strict}}};
    return parse_word(text, words);
}

Parsed<std::optional<SecondKind>> parse_second_kind(std::string_view text) {
    if (text == "none")
        return std::optional<SecondKind>{};
    const bool is_tcp = text.starts_with("tcp/");
    if (!is_tcp && !text.starts_with("udp/"))
        return refuse("tcp or udp with a port, tcp/443, or none");
    const auto port = parse_number(text.substr(4), 1, 65535, "a port");
    if (!port)
        return refuse(port.error().message, 4 + port.error().offset);
    return SecondKind{is_tcp ? SecondKind::Protocol::tcp : SecondKind::Protocol::udp,
                      static_cast<std::uint16_t>(*port)};
}

Parsed<Mode> parse_mode(std::string_view text) {
    static constexpr std::array<std::pair<std::string_view, Mode>, 2> words{
        {{"advise", Mode::advise}, {"auto", Mode::automatic}}};
    return parse_word(text, words);
}

Parsed<DataplaneKind> parse_dataplane_kind(std::string_view text) {
    static constexpr std::array<std::pair<std::string_view, DataplaneKind>, 2> words{
        {{"dpdk", DataplaneKind::dpdk}, {"kernel", DataplaneKind::kernel}}};
    return parse_word(text, words);
}

Parsed<PollMode> parse_poll_mode(std::string_view text) {
    static constexpr std::array<std::pair<std::string_view, PollMode>, 2> words{
        {{"adaptive", PollMode::adaptive}, {"busy", PollMode::busy}}};
    return parse_word(text, words);
}

Parsed<UplinkKind> parse_uplink_kind(std::string_view text) {
    static constexpr std::array<std::pair<std::string_view, UplinkKind>, 2> words{
        {{"direct", UplinkKind::direct}, {"gre", UplinkKind::gre}}};
    return parse_word(text, words);
}

Parsed<Profile> parse_profile(std::string_view text) {
    static constexpr std::array<std::pair<std::string_view, Profile>, 3> words{
        {{"careful", Profile::careful}, {"quick", Profile::quick}, {"fast", Profile::fast}}};
    return parse_word(text, words);
}

Parsed<FailBack> parse_fail_back(std::string_view text) {
    static constexpr std::array<std::pair<std::string_view, FailBack>, 3> words{
        {{"manual", FailBack::manual},
         {"window", FailBack::window},
         {"auto", FailBack::automatic}}};
    return parse_word(text, words);
}

Parsed<LanDead> parse_lan_dead(std::string_view text) {
    static constexpr std::array<std::pair<std::string_view, LanDead>, 2> words{
        {{"announce", LanDead::announce}, {"hold", LanDead::hold}}};
    return parse_word(text, words);
}

}  // namespace detour::model
