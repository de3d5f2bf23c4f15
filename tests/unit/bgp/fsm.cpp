// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/bgp/session/fsm.h"

#include <doctest/doctest.h>

#include <map>
#include <string>

using namespace detour::bgp;
using detour::Duration;
using detour::Instant;
using namespace std::chrono_literals;

namespace {

// Without jitter: 0.75 + 0.25 * 1.
const std::function<double()> no_jitter = [] { return 1.0; };

constexpr Instant start{};

Fsm machine(Opening opening = Opening::active) {
    return Fsm(Timers(), opening, no_jitter);
}

FsmInput opened(Duration hold = 90s) {
    FsmInput input{Event::open_received};
    input.hold = hold;
    return input;
}

// A machine brought into a state by the shortest way.
Fsm in_state(State state) {
    Fsm fsm = machine();
    const auto give = [&](const FsmInput& input) { (void)fsm.handle(start, input); };
    if (state == State::idle)
        return fsm;
    give({Event::automatic_start});
    if (state == State::connect)
        return fsm;
    if (state == State::active) {
        give({Event::connection_fails});
        return fsm;
    }
    give({Event::connection_established});
    if (state == State::open_sent)
        return fsm;
    give(opened());
    if (state == State::open_confirm)
        return fsm;
    give({Event::keepalive_received});
    return fsm;
}

// One letter an action, a NOTIFICATION with its code and subcode: "N5.1 X D".
std::string text_of(const std::vector<FsmAction>& actions) {
    std::string text;
    for (const FsmAction& action : actions) {
        if (!text.empty())
            text += ' ';
        switch (action.kind) {
            case FsmAction::Kind::connect:
                text += 'C';
                break;
            case FsmAction::Kind::abandon_connection:
                text += 'X';
                break;
            case FsmAction::Kind::send_open:
                text += 'O';
                break;
            case FsmAction::Kind::send_keepalive:
                text += 'K';
                break;
            case FsmAction::Kind::send_notification:
                text += 'N' + std::to_string(static_cast<int>(action.notification->code)) + '.' +
                        std::to_string(action.notification->subcode);
                break;
            case FsmAction::Kind::come_up:
                text += 'U';
                break;
            case FsmAction::Kind::go_down:
                text += 'D';
                break;
        }
    }
    return text;
}

struct Outcome {
    State next;
    const char* actions;
};

FsmInput input_of(Event event) {
    FsmInput input{event};
    input.hold = 90s;
    // What the session says with these.
    if (event == Event::manual_stop || event == Event::automatic_stop)
        input.notification = Notification(CeaseReason::administrative_shutdown);
    if (event == Event::header_error)
        input.notification = Notification(HeaderError::bad_type);
    if (event == Event::open_error)
        input.notification = Notification(OpenError::bad_peer_as);
    if (event == Event::update_error)
        input.notification = Notification(UpdateError::attribute_length);
    return input;
}

}  // namespace

TEST_CASE("RFC 4271 8.2.2: every event in every state") {
    using enum State;
    struct Row {
        Event event;
        // In the order of the states.
        Outcome outcomes[6];
    };
    // clang-format off
    const std::vector<Row> rows{
        //                                   Idle            Connect            Active          OpenSent              OpenConfirm           Established
        {Event::manual_start,               {{connect, "C"}, {connect, ""},     {connect, "C"}, {open_sent, ""},      {open_confirm, ""},   {established, ""}}},
        {Event::automatic_start,            {{connect, "C"}, {connect, ""},     {active, ""},   {open_sent, ""},      {open_confirm, ""},   {established, ""}}},
        {Event::manual_stop,                {{idle, ""},     {idle, "X"},       {idle, "X"},    {idle, "N6.2 X"},     {idle, "N6.2 X"},     {idle, "N6.2 X D"}}},
        {Event::automatic_stop,             {{idle, ""},     {idle, "X"},       {idle, "X"},    {idle, "N6.2 X"},     {idle, "N6.2 X"},     {idle, "N6.2 X D"}}},
        {Event::connect_retry_timer_expires,{{idle, ""},     {connect, "X C"},  {connect, "C"}, {idle, "N5.1 X"},     {idle, "N5.2 X"},     {idle, "N5.3 X D"}}},
        {Event::hold_timer_expires,         {{idle, ""},     {idle, "X"},       {idle, "X"},    {idle, "N4.0 X"},     {idle, "N4.0 X"},     {idle, "N4.0 X D"}}},
        {Event::keepalive_timer_expires,    {{idle, ""},     {idle, "X"},       {idle, "X"},    {idle, "N5.1 X"},     {open_confirm, "K"},  {established, "K"}}},
        {Event::idle_hold_timer_expires,    {{connect, "C"}, {idle, "X"},       {idle, "X"},    {idle, "N5.1 X"},     {idle, "N5.2 X"},     {idle, "N5.3 X D"}}},
        {Event::connection_established,     {{idle, ""},     {open_sent, "O"},  {open_sent, "O"},{idle, "N5.1 X"},    {idle, "N5.2 X"},     {idle, "N5.3 X D"}}},
        {Event::connection_confirmed,       {{idle, ""},     {open_sent, "O"},  {open_sent, "O"},{idle, "N5.1 X"},    {idle, "N5.2 X"},     {idle, "N5.3 X D"}}},
        {Event::connection_fails,           {{idle, ""},     {active, ""},      {active, ""},   {active, "X"},        {idle, "X"},          {idle, "X D"}}},
        {Event::open_received,              {{idle, ""},     {idle, "X"},       {idle, "X"},    {open_confirm, "K"},  {idle, "N5.2 X"},     {idle, "N5.3 X D"}}},
        {Event::header_error,               {{idle, ""},     {idle, "X"},       {idle, "X"},    {idle, "N1.3 X"},     {idle, "N1.3 X"},     {idle, "N1.3 X D"}}},
        {Event::open_error,                 {{idle, ""},     {idle, "X"},       {idle, "X"},    {idle, "N2.2 X"},     {idle, "N2.2 X"},     {idle, "N2.2 X D"}}},
        {Event::open_collision_dump,        {{idle, ""},     {idle, "X"},       {idle, "X"},    {idle, "N6.7 X"},     {idle, "N6.7 X"},     {idle, "N6.7 X D"}}},
        {Event::notification_version_error, {{idle, ""},     {idle, "X"},       {idle, "X"},    {idle, "X"},          {idle, "X"},          {idle, "X D"}}},
        {Event::notification_received,      {{idle, ""},     {idle, "X"},       {idle, "X"},    {idle, "X"},          {idle, "X"},          {idle, "X D"}}},
        {Event::keepalive_received,         {{idle, ""},     {idle, "X"},       {idle, "X"},    {idle, "N5.1 X"},     {established, "U"},   {established, ""}}},
        {Event::update_received,            {{idle, ""},     {idle, "X"},       {idle, "X"},    {idle, "N5.1 X"},     {idle, "N5.2 X"},     {established, ""}}},
        {Event::update_error,               {{idle, ""},     {idle, "X"},       {idle, "X"},    {idle, "N3.5 X"},     {idle, "N3.5 X"},     {idle, "N3.5 X D"}}},
    };
    // clang-format on
    for (const Row& row : rows)
        for (const State state : {idle, connect, active, open_sent, open_confirm, established}) {
            CAPTURE(static_cast<int>(row.event));
            CAPTURE(to_string(state));
            Fsm fsm = in_state(state);
            REQUIRE(fsm.state() == state);
            const auto actions = fsm.handle(start, input_of(row.event));
            const Outcome& expected = row.outcomes[static_cast<std::size_t>(state)];
            CHECK(to_string(fsm.state()) == to_string(expected.next));
            CHECK(text_of(actions) == expected.actions);
        }
}

TEST_CASE("RFC 4271 8.1.1 PassiveTcpEstablishment: a passive machine never calls") {
    Fsm fsm = machine(Opening::passive);
    CHECK(text_of(fsm.handle(start, {Event::automatic_start})).empty());
    CHECK(fsm.state() == State::active);
    CHECK_FALSE(fsm.next_deadline().has_value());
    CHECK(text_of(fsm.handle(start, {Event::connection_confirmed})) == "O");
    CHECK(text_of(fsm.handle(start, {Event::connection_fails})) == "X");
    CHECK(fsm.state() == State::active);
    CHECK_FALSE(fsm.next_deadline().has_value());
}

TEST_CASE("a machine that is told to stop calling listens when its attempt runs out") {
    Fsm fsm = in_state(State::connect);
    fsm.set_opening(Opening::passive);
    CHECK(text_of(fsm.handle(start + 5s, {Event::connect_retry_timer_expires})) == "X");
    CHECK(fsm.state() == State::active);
    CHECK_FALSE(fsm.next_deadline().has_value());
}

TEST_CASE("RFC 4271 8.2.2: the large hold time of four minutes while the OPEN is awaited") {
    Fsm fsm = in_state(State::open_sent);
    CHECK(fsm.next_deadline() == start + 4min);
    CHECK_FALSE(fsm.expired(start + 4min - 1ns).has_value());
    CHECK(fsm.expired(start + 4min) == Event::hold_timer_expires);
}

TEST_CASE("RFC 4271 4.4, 10: keepalives at a third of the hold time, at most a quarter earlier") {
    CHECK(in_state(State::established).next_deadline() == start + 30s);
    const std::function<double()> most = [] { return 0.0; };
    Fsm fsm(Timers(), Opening::active, most);
    (void)fsm.handle(start, {Event::automatic_start});
    (void)fsm.handle(start, {Event::connection_established});
    (void)fsm.handle(start, opened(90s));
    CHECK(fsm.next_deadline() == start + 22500ms);
}

TEST_CASE("RFC 4271 8.2.2: KEEPALIVE and UPDATE restart the hold timer, nothing else does") {
    Fsm fsm = in_state(State::established);
    (void)fsm.handle(start + 80s, {Event::keepalive_timer_expires});
    CHECK(fsm.expired(start + 90s) == Event::hold_timer_expires);
    (void)fsm.handle(start + 80s, {Event::update_received});
    CHECK(fsm.expired(start + 169s) != Event::hold_timer_expires);
    CHECK(fsm.expired(start + 170s) == Event::hold_timer_expires);
    (void)fsm.handle(start + 160s, {Event::keepalive_received});
    CHECK(fsm.expired(start + 249s) != Event::hold_timer_expires);
    CHECK(fsm.expired(start + 250s) == Event::hold_timer_expires);
}

TEST_CASE("RFC 4271 8.2.2: with a hold time of zero neither timer runs") {
    Fsm fsm = in_state(State::open_sent);
    (void)fsm.handle(start, opened(0s));
    CHECK_FALSE(fsm.next_deadline().has_value());
    (void)fsm.handle(start, {Event::keepalive_received});
    CHECK(fsm.state() == State::established);
    CHECK_FALSE(fsm.next_deadline().has_value());
}

TEST_CASE("RFC 4271 8.1.1 DampPeerOscillations: failures in a row double the time in Idle") {
    Fsm fsm = in_state(State::idle);
    Instant now = start;
    for (const Duration expected : {1s, 2s, 4s, 8s, 16s, 32s, 60s, 60s}) {
        (void)fsm.handle(now, {Event::idle_hold_timer_expires});
        (void)fsm.handle(now, {Event::connection_established});
        (void)fsm.handle(now, {Event::notification_received});
        CHECK(fsm.state() == State::idle);
        CHECK(fsm.next_deadline() == now + expected);
        now += expected;
        CHECK(fsm.expired(now) == Event::idle_hold_timer_expires);
    }
    SUBCASE("a session of a minute wipes them out") {
        (void)fsm.handle(now, {Event::idle_hold_timer_expires});
        (void)fsm.handle(now, {Event::connection_established});
        (void)fsm.handle(now, opened());
        (void)fsm.handle(now, {Event::keepalive_received});
        now += 1min;
        (void)fsm.handle(now, {Event::connection_fails});
        CHECK(fsm.next_deadline() == now + 1s);
    }
    SUBCASE("and so does the operator") {
        (void)fsm.handle(now, {Event::manual_start});
        CHECK(fsm.state() == State::connect);
        CHECK(fsm.connect_retry_counter() == 0);
    }
}

TEST_CASE("RFC 4271 8.2.2: a manual stop waits for a manual start") {
    Fsm fsm = in_state(State::established);
    (void)fsm.handle(start, {Event::manual_stop});
    CHECK_FALSE(fsm.next_deadline().has_value());
    CHECK(fsm.connect_retry_counter() == 0);
}

TEST_CASE("a stop may say how long to stay away") {
    Fsm fsm = in_state(State::established);
    FsmInput input{Event::automatic_stop};
    input.notification = Notification(CeaseReason::max_prefixes);
    input.idle_hold = 15min;
    CHECK(text_of(fsm.handle(start, input)) == "N6.1 X D");
    CHECK(fsm.next_deadline() == start + 15min);
}
