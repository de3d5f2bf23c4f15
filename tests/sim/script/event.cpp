// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tests/sim/script/event.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cassert>
#include <charconv>
#include <sstream>
#include <utility>
#include <vector>

#include "tests/sim/world/shape.h"

namespace sim {
namespace {

using enum EventKind;

constexpr std::array<EventForm, event_kind_count> forms{{
    {null_route, "null-route", "swp", true, false, "packets to the block vanish there"},
    {gap, "gap", "su", true, false, "the block alone is unreachable, briefly"},
    {intermittent, "intermittent", "sun", true, false, "null-routed so many seconds, then not"},
    {filter_icmp, "filter-icmp", "su", true, true, "pings to the block die, traffic passes"},
    {scrub, "scrub", "sun", true, true, "diverted: pings die, a share of the traffic passes"},
    {refuse_source, "refuse-source", "su", true, true, "packets from the block are not let out"},
    {traffic, "traffic", "sn", false, false, "packets a second from the whole world"},
    {attack, "attack", "sn", true, true, "so many packets a second more"},
    {dark, "dark", "u", true, true, "nothing passes, the carrier stays"},
    {core_fault, "core-fault", "u", true, true, "nothing passes behind the neighbour"},
    {isolated, "isolated", "u", true, true, "its network is whole, the world is unreachable"},
    {loss, "loss", "un", true, false, "a share of all packets is lost"},
    {lossy_block, "lossy-block", "sun", true, true, "a share of the block's packets is lost"},
    {lag, "lag", "un", true, true, "so many of eight LAG members are dead"},
    {link_down, "link-down", "u", true, true, "the carrier is gone"},
    {flap, "flap", "un", true, true, "the carrier comes and goes, so many seconds each"},
    {control_dead, "control-dead", "u", true, true, "nobody answers its control sources"},
    {small_mtu, "small-mtu", "un", true, false, "larger packets die"},
    {reset, "reset", "u", false, true, "the BGP connection breaks"},
    {session_down, "session-down", "u", true, true, "BGP breaks, and calls are refused"},
    {shutdown, "shutdown", "u", true, true, "Cease: Administrative Shutdown"},
    {hijack, "hijack", "sun", true, true, "its neighbour tells of the block with this origin"},
    {max_prefix, "max-prefix", "u", true, true, "Cease at the next prefix announced"},
    {strip, "strip", "w", true, false, "communities are not honoured"},
    {stuck, "stuck", "w", true, true, "withdrawals are not heard"},
    {prefer, "prefer", "wu", true, true, "sends by this way, whatever the path"},
    {target_dead, "target-dead", "t", true, false, "answers nobody"},
    {target_limit, "target-limit", "tn", true, false, "answers at most every so many ms"},
    {sentinels_dead, "sentinels-dead", "u", true, false, "the provider's hosts answer nobody"},
    {restart, "restart", "", true, true, "detourd is killed, and started when this is over"},
    {stall, "stall", "", true, true, "detourd is not scheduled"},
    {clock_step, "clock-step", "", false, true, "the wall clock jumps"},
    {telemetry_lost, "telemetry-lost", "", true, true, "the data plane does not answer"},
    {deaf, "deaf", "", true, true, "the box's own fault: all uplinks carry nothing"},
    {move, "move", "su", false, true, "operator: detour move"},
    {failback, "failback", "s", false, true, "operator: detour failback"},
    {return_now, "return-now", "s", false, true, "operator: detour failback --now"},
    {abort, "abort", "s", false, true, "operator: detour abort"},
    {freeze, "freeze", "", false, true, "operator: detour freeze"},
    {thaw, "thaw", "", false, false, "operator: detour thaw"},
    {advise, "advise", "", false, true, "operator: mode advise"},
    {automatic, "auto", "", false, false, "operator: mode auto"},
}};

constexpr std::array<std::string_view, 4> places{"inside", "border", "half-border", "host"};

std::expected<double, std::string> number_of(const std::string& word) {
    double value = 0;
    const auto end = word.data() + word.size();
    const auto result = std::from_chars(word.data(), end, value);
    if (result.ec != std::errc{} || result.ptr != end)
        return std::unexpected("not a number: " + word);
    return value;
}

std::expected<void, std::string> read_set(Event& event, const std::string& word) {
    const auto slash = word.find('/');
    const std::string name = word.substr(0, slash);
    for (event.set = 0; event.set < 40; ++event.set)
        if (set_name(event.set) == name)
            break;
    if (event.set == 40)
        return std::unexpected("no such set: " + word);
    if (slash == std::string::npos)
        return {};
    const std::string family = word.substr(slash + 1);
    if (family != "ipv4" && family != "ipv6")
        return std::unexpected("neither ipv4 nor ipv6: " + word);
    event.family = family == "ipv4" ? std::uint8_t{0} : std::uint8_t{1};
    return {};
}

std::expected<void, std::string> read_word(Event& event, char form, const std::string& word) {
    switch (form) {
        case 's':
            return read_set(event, word);
        case 'u':
        case 'w':
            // `prefer` names a network, then the way it takes.
            event.where += event.where.empty() ? word : " " + word;
            return {};
        case 'p': {
            const auto place = std::ranges::find(places, word);
            if (place == places.end())
                return std::unexpected("no such place: " + word);
            event.place = static_cast<Place>(place - places.begin());
            return {};
        }
        default: {
            const auto value = number_of(word);
            if (!value)
                return std::unexpected(value.error());
            if (form == 't')
                event.target = static_cast<std::uint32_t>(*value);
            else
                event.number = *value;
            return {};
        }
    }
}

}  // namespace

const EventForm& form_of(EventKind kind) {
    const EventForm& form = forms.at(static_cast<std::size_t>(kind));
    assert(form.kind == kind);
    return form;
}

std::expected<Event, std::string> parse_event(std::string_view line) {
    std::istringstream stream{std::string(line)};
    std::vector<std::string> words;
    for (std::string word; stream >> word;)
        words.push_back(word);
    if (words.size() < 3 || words[0] != "at")
        return std::unexpected("an event is: at TIME KIND ...");
    Event event;
    const auto at = detour::parse_duration(words[1]);
    if (!at)
        return std::unexpected("not a time: " + words[1]);
    event.at = *at;
    const auto form = std::ranges::find(forms, words[2], &EventForm::name);
    if (form == forms.end())
        return std::unexpected("no such event: " + words[2]);
    event.kind = form->kind;
    std::size_t next = 3;
    for (const char word : form->words) {
        if (next == words.size())
            return std::unexpected(
                fmt::format("{} wants {} words", form->name, form->words.size()));
        if (auto result = read_word(event, word, words[next++]); !result)
            return std::unexpected(result.error());
    }
    if (next < words.size() && words[next] == "urpf") {
        event.has_urpf = true;
        ++next;
    }
    if (next + 1 < words.size() && words[next] == "for") {
        const auto length = detour::parse_duration(words[next + 1]);
        if (!length || !form->is_lasting)
            return std::unexpected(fmt::format("{} cannot last {}", form->name, words[next + 1]));
        event.length = *length;
        next += 2;
    }
    if (next != words.size())
        return std::unexpected("what is meant by " + words[next] + "?");
    return event;
}

std::string to_string(const Event& event) {
    const EventForm& form = form_of(event.kind);
    std::string text = fmt::format("at {} {}", detour::to_string(event.at), form.name);
    bool is_where_said = false;
    for (const char word : form.words) {
        switch (word) {
            case 's':
                text += " " + set_name(event.set);
                if (event.family)
                    text += *event.family == 0 ? "/ipv4" : "/ipv6";
                break;
            case 'u':
            case 'w':
                if (!std::exchange(is_where_said, true))
                    text += " " + event.where;
                break;
            case 'p':
                text += fmt::format(" {}", places.at(static_cast<std::size_t>(event.place)));
                break;
            case 't':
                text += fmt::format(" {}", event.target);
                break;
            default:
                text += fmt::format(" {}", event.number);
        }
    }
    if (event.has_urpf)
        text += " urpf";
    if (event.length)
        text += " for " + detour::to_string(*event.length);
    return text;
}

}  // namespace sim
