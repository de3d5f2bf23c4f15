// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What a plan says of sessions (conf/model/diff.h) against what the speaker does: configured with
// the one configuration and then with the other, it ends exactly the sessions that the plan calls
// ended or reset, and opens those that it calls opened or reset. Every edit alone, and every two
// together.
#include <doctest/doctest.h>

#include <functional>
#include <set>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "conf/model/diff.h"
#include "conf/model/succession.h"
#include "controlplane/bgp/speaker.h"
#include "tests/unit/controller/bench.h"

using namespace detour;
using namespace bench;
using namespace std::chrono_literals;

namespace {

struct Edit {
    std::string name;
    std::function<void(model::Config&)> make;
};

Address address(const char* text) {
    return *Address::parse(text);
}

InterfaceAddress interface_address(const char* text) {
    return *InterfaceAddress::parse(text);
}

// By name: an edit before may have moved it, or taken it away.
std::function<void(model::Config&)> at(const std::string& name,
                                       const std::function<void(model::Uplink&)>& edit) {
    return [name, edit](model::Config& config) {
        for (model::Uplink& uplink : config.uplinks)
            if (uplink.name == name)
                edit(uplink);
    };
}

void number_again(model::Config& config) {
    for (std::size_t i = 0; i < config.uplinks.size(); ++i)
        config.uplinks[i].id = UplinkId(static_cast<std::uint16_t>(i));
}

std::vector<Edit> edits_of_sessions() {
    return {
        {"hold", at("provider", [](auto& u) { u.bgp->hold = 30s; })},
        {"asn", at("partner", [](auto& u) { u.bgp->asn = AsNumber(64498); })},
        {"ttl-security", at("provider", [](auto& u) { u.bgp->has_ttl_security = true; })},
        {"password-file", at("partner", [](auto& u) { u.bgp->password_file = "/key"; })},
        {"a peer less", at("provider", [](auto& u) { u.bgp->peers.resize(1); })},
        {"a peer more",
         at("partner", [](auto& u) { u.bgp->peers.push_back(address("2001:db8:ff::")); })},
        {"peers in another order",
         at("provider", [](auto& u) { std::swap(u.bgp->peers.front(), u.bgp->peers.back()); })},
        {"no bgp", at("partner", [](auto& u) { u.bgp.reset(); })},
        {"another name", at("partner", [](auto& u) { u.name = "neighbour"; })},
        {"the uplink goes",
         [](model::Config& c) {
             std::erase_if(c.uplinks, [](const auto& u) { return u.name == "partner"; });
         }},
        {"our asn", [](model::Config& c) { c.router.asn = AsNumber(64501); }},
        {"router id", [](model::Config& c) { c.router.id = address("192.0.2.3"); }},
        {"our address",
         [](model::Config& c) { c.ports[0].addresses[0] = interface_address("192.0.2.3/30"); }},
        {"our other address",
         [](model::Config& c) { c.ports[0].addresses[1] = interface_address("2001:db8:1::9/64"); }},
        {"no IPv6 on the port", [](model::Config& c) { c.ports[0].addresses.resize(1); }},
        {"the inner address",
         at("partner", [](auto& u) { u.inner[1] = interface_address("2001:db8:ff::3/127"); })},
        {"a gateway beside another of our addresses",
         [](model::Config& c) {
             c.ports[0].addresses.insert(c.ports[0].addresses.begin(),
                                         interface_address("192.0.2.33/30"));
             for (model::Uplink& uplink : c.uplinks)
                 if (uplink.name == "provider")
                     uplink.gateways = {address("192.0.2.34")};
         }},
        {"the port's name", [](model::Config& c) { c.ports[0].name = "wan9"; }},
    };
}

std::vector<Edit> edits_of_others() {
    return {
        {"nothing", [](model::Config&) {}},
        {"another order of uplinks",
         [](model::Config& c) { std::swap(c.uplinks.front(), c.uplinks.back()); }},
        {"max-prefixes", at("provider", [](auto& u) { u.bgp->max_prefixes = 5; })},
        {"max-prefixes-warning", at("provider", [](auto& u) { u.bgp->max_prefixes_warning = 50; })},
        {"max-prefixes-restart",
         at("provider", [](auto& u) { u.bgp->max_prefixes_restart.reset(); })},
        {"export", at("provider", [](auto& u) { u.bgp->exported.prepend = 3; })},
        {"import", at("provider", [](auto& u) { u.bgp->import.emplace(); })},
        {"canary-communities",
         at("provider",
            [](auto& u) {
                u.bgp->canary_communities = {model::StandardCommunity{64496, 990}};
            })},
        {"limit", at("partner", [](auto& u) { u.limit = BitRate(1'000'000'000); })},
        {"sentinels", at("provider", [](auto& u) { u.sentinels.resize(2); })},
        {"control-sources", at("partner", [](auto& u) { u.control_sources.resize(1); })},
        {"the tunnel's key", at("partner",
                                [](auto& u) {
                                    if (u.underlay)
                                        u.underlay->key = 8;
                                })},
        {"a second address on the port",
         [](model::Config& c) {
             c.ports[0].addresses.push_back(interface_address("192.0.2.41/30"));
         }},
        {"a shorter prefix on the port",
         [](model::Config& c) { c.ports[0].addresses[0] = interface_address("192.0.2.2/29"); }},
        {"mtu", [](model::Config& c) { c.ports[0].mtu = 9000; }},
        {"mode", [](model::Config& c) { c.router.mode = model::Mode::advise; }},
        {"the router's name", [](model::Config& c) { c.router.name = "another"; }},
        {"a prefix",
         [](model::Config& c) {
             c.prefix_sets[0].prefixes.push_back(*Prefix::parse("192.0.0.0/24"));
         }},
        {"a set less", [](model::Config& c) { c.prefix_sets.pop_back(); }},
        {"timing", [](model::Config& c) { c.timing.overlap = 17s; }},
        {"fail-back", [](model::Config& c) { c.policy.fail_back = model::FailBack::automatic; }},
        {"targets", [](model::Config& c) { c.detect.targets.pop_back(); }},
    };
}

using SessionName = std::pair<std::string, std::string>;  // uplink, peer

struct Sessions {
    std::set<SessionName> ended;
    std::set<SessionName> opened;

    friend bool operator==(const Sessions&, const Sessions&) = default;
};

Sessions predicted(const model::Config& before, const model::Config& after) {
    using Kind = model::SessionChange::Kind;
    Sessions result;
    for (const model::SessionChange& change : model::diff(before, after).sessions) {
        const SessionName name{change.uplink, change.peer.to_string()};
        if (change.kind != Kind::opened)
            result.ended.insert(name);
        if (change.kind != Kind::ended)
            result.opened.insert(name);
    }
    return result;
}

// The first line of each file, which here is its name.
controller::Passwords passwords(const model::Config& config) {
    controller::Passwords result;
    for (const model::Uplink& uplink : config.uplinks)
        if (uplink.bgp && uplink.bgp->password_file)
            result[uplink.id] = uplink.bgp->password_file->native();
    return result;
}

Sessions done(const model::Config& before, const model::Config& after) {
    const controller::PeerBook old_book(before);
    const controller::PeerBook book(after, old_book);
    bgp::Speaker speaker([] { return 0.5; });
    (void)speaker.configure(Instant(1s),
                            controller::speaker_config(before, passwords(before), old_book));
    Sessions result;
    const auto name = [&](bgp::PeerId peer) {
        return SessionName{book[peer].uplink, book[peer].peer.to_string()};
    };
    for (const bgp::Output& output : speaker.configure(
             Instant(2s), controller::speaker_config(after, passwords(after), book))) {
        if (const auto* end = std::get_if<bgp::StopListening>(&output))
            result.ended.insert(name(end->peer));
        if (const auto* begin = std::get_if<bgp::Listen>(&output))
            result.opened.insert(name(begin->peer));
    }
    return result;
}

model::Config edited(const model::Config& before, const std::vector<const Edit*>& edits) {
    model::Config after = before;
    for (const Edit* edit : edits)
        edit->make(after);
    number_again(after);
    return model::keep_places(std::move(after), before);
}

std::string text(const Sessions& sessions) {
    std::string result;
    for (const auto& [list, word] :
         {std::pair{&sessions.ended, "ends"}, std::pair{&sessions.opened, "opens"}})
        for (const auto& [uplink, peer] : *list)
            result += uplink + " " + peer + " " + word + "; ";
    return result;
}

}  // namespace

TEST_CASE("a session is reset by what the plan says, and by nothing else") {
    const model::Config before = story();
    for (const Edit& edit : edits_of_sessions()) {
        CAPTURE(edit.name);
        const model::Config after = edited(before, {&edit});
        const Sessions plan = predicted(before, after);
        CHECK(text(done(before, after)) == text(plan));
        // Of the same peers in another order nothing is to be said.
        CHECK((plan == Sessions{}) == (edit.name == "peers in another order"));
    }
    for (const Edit& edit : edits_of_others()) {
        CAPTURE(edit.name);
        const model::Config after = edited(before, {&edit});
        CHECK(text(done(before, after)) == "");
        CHECK(text(predicted(before, after)) == "");
    }
}

TEST_CASE("the plan is right about any two edits together") {
    const model::Config before = story();
    std::vector<Edit> edits = edits_of_sessions();
    for (Edit& edit : edits_of_others())
        edits.push_back(std::move(edit));
    for (const Edit& first : edits)
        for (const Edit& second : edits) {
            // What the first took away cannot be edited, and no peer is there twice.
            if (first.name == second.name || first.name == "no bgp" ||
                first.name == "no IPv6 on the port" || first.name == "a peer less")
                continue;
            CAPTURE(first.name);
            CAPTURE(second.name);
            const model::Config after = edited(before, {&first, &second});
            CHECK(text(done(before, after)) == text(predicted(before, after)));
            CHECK(text(done(after, before)) == text(predicted(after, before)));
        }
}
