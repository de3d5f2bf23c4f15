// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// conf/detour.schema.json, which editors use, against the model: the same keys in every section,
// and every shipped example is valid. The validator knows the part of JSON Schema that the file
// uses.
#include <doctest/doctest.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <nlohmann/json.hpp>
#include <regex>
#include <set>
#include <string>

#include "conf/model/document.h"
#include "conf/model/effective.h"
#include "conf/model/keys.h"
#include "conf/model/overrides.h"
#include "tests/unit/model/example.h"

using namespace detour::model;
using nlohmann::json;

namespace {

const json& schema() {
    static const json document = [] {
        std::ifstream stream(SOURCE_DIR "/conf/detour.schema.json");
        return json::parse(stream);
    }();
    return document;
}

const json& resolved(const json& rule) {
    if (!rule.contains("$ref"))
        return rule;
    return schema().at(json::json_pointer(rule.at("$ref").get<std::string>().substr(1)));
}

bool is_of(const std::string& type, const Node& node) {
    if (type == "object")
        return node.kind == Node::Kind::map;
    if (type == "array")
        return node.kind == Node::Kind::list;
    if (node.kind != Node::Kind::scalar)
        return false;
    if (type == "boolean")
        return node.text == "true" || node.text == "false";
    if (type == "integer")
        return !node.text.empty() && node.text.find_first_not_of("0123456789") == std::string::npos;
    return type == "string";
}

bool has_type(const json& rule, const Node& node) {
    if (!rule.contains("type"))
        return true;
    const json& type = rule.at("type");
    if (type.is_string())
        return is_of(type, node);
    return std::ranges::any_of(type, [&](const json& each) { return is_of(each, node); });
}

bool is_valid(const json& given, const Node& node);

bool matches(const json& rule, const std::string& text) {
    return std::regex_search(text, std::regex(rule.at("pattern").get<std::string>()));
}

bool is_valid_map(const json& rule, const Node& node) {
    for (std::size_t i = 0; i < node.keys.size(); ++i) {
        const std::string& key = node.keys[i].text;
        if (rule.contains("propertyNames") && !matches(rule.at("propertyNames"), key))
            return false;
        const bool is_known = rule.contains("properties") && rule.at("properties").contains(key);
        const json& value = is_known ? rule.at("properties").at(key)
                                     : rule.value("additionalProperties", json(true));
        if (value == json(false) || (value.is_object() && !is_valid(value, node.items[i])))
            return false;
    }
    return std::ranges::all_of(rule.value("required", json::array()), [&](const json& key) {
        return node.find(key.get<std::string>()) != nullptr;
    });
}

bool is_valid_scalar(const json& rule, const Node& node) {
    if (rule.contains("enum") &&
        std::ranges::find(rule.at("enum"), json(node.text)) == rule.at("enum").end())
        return false;
    if (rule.contains("const") && rule.at("const").dump() != node.text)
        return false;
    if (rule.contains("minimum") && std::stoull(node.text) < rule.at("minimum"))
        return false;
    if (rule.contains("maximum") && std::stoull(node.text) > rule.at("maximum"))
        return false;
    return !rule.contains("pattern") || matches(rule, node.text);
}

bool is_valid(const json& given, const Node& node) {
    const json& rule = resolved(given);
    if (rule.contains("oneOf"))
        return std::ranges::count_if(rule.at("oneOf"),
                                     [&](const json& each) { return is_valid(each, node); }) == 1;
    if (rule.contains("anyOf") && std::ranges::none_of(rule.at("anyOf"), [&](const json& each) {
            return is_valid(each, node);
        }))
        return false;
    if (!has_type(rule, node))
        return false;
    if (node.kind == Node::Kind::map)
        return is_valid_map(rule, node);
    if (node.kind == Node::Kind::list)
        return !rule.contains("items") || std::ranges::all_of(node.items, [&](const Node& item) {
            return is_valid(rule.at("items"), item);
        });
    return is_valid_scalar(rule, node);
}

bool is_valid_text(const std::string& text) {
    Diagnostics diagnostics;
    const Node document = read_document(text, SourceText(text, "t.yaml"), diagnostics);
    REQUIRE(diagnostics.empty());
    return is_valid(schema(), document);
}

// Where each section's keys stand in the schema.
const std::map<std::string, std::string> places{
    {"the top level", ""},
    {"router", "/properties/router"},
    {"dataplane", "/properties/dataplane"},
    {"a port", "/properties/ports/additionalProperties"},
    {"an uplink", "/properties/uplinks/additionalProperties"},
    {"an uplink's underlay", "/properties/uplinks/additionalProperties/properties/underlay"},
    {"an uplink's bgp", "/properties/uplinks/additionalProperties/properties/bgp"},
    {"an import rule",
     "/properties/uplinks/additionalProperties/properties/bgp/properties/import/items"},
    {"an uplink's export",
     "/properties/uplinks/additionalProperties/properties/bgp/properties/export"},
    {"a prefix set", "/properties/prefix-sets/additionalProperties"},
    {"detect", "/properties/detect"},
    {"a target", "/properties/detect/properties/targets/items"},
    {"policy", "/properties/policy"},
    {"an override", "/properties/overrides/additionalProperties"}};

}  // namespace

TEST_CASE("the schema has the keys of the model in every section, no more and no less") {
    for (const keys::Section& section : keys::sections) {
        CAPTURE(section.name);
        const auto place = places.find(std::string(section.name));
        REQUIRE(place != places.end());
        const json& at = schema().at(json::json_pointer(place->second));
        CHECK(at.at("additionalProperties") == false);
        std::set<std::string> told;
        for (const auto& [key, rule] : at.at("properties").items()) {
            told.insert(key);
            CHECK_MESSAGE(rule.contains("description"), key);
        }
        CHECK(told == std::set<std::string>(section.keys.begin(), section.keys.end()));
    }
}

TEST_CASE("every example is valid by the schema, and slips are not") {
    for (const char* name : {"minimal", "two-provider", "kernel-container"})
        CHECK_MESSAGE(is_valid_text(example_text(name)), name);
    const auto slip = [](const Replacements& replacements) {
        return is_valid_text(example_text("two-provider", replacements));
    };
    CHECK(slip({}));
    CHECK(!slip({{"version: 1", "version: 2"}}));
    CHECK(!slip({{"mode: auto", "mode: sometimes"}}));
    CHECK(!slip({{"max-prefixes", "max-prefix"}}));
    CHECK(!slip({{"hold: 30s", "hold: 30"}}));
    const auto import = [&](const std::string& rule) {
        return slip({{"hold: 30s", "hold: 30s, import: [" + rule + "]"}});
    };
    CHECK(import("{action: accept, prefixes: [10.0.0.0/8 ge 9 le 24], as-path: [\"* 1 ?\"]}"));
    CHECK(!import("{action: sometimes}"));
    CHECK(!import("{action: accept, prefixes: [10.0.0.0/8 up to 24]}"));
    CHECK(!import("{action: accept, as-path: [1_2]}"));
    CHECK(!import("{prefixes: [10.0.0.0/8]}"));
    CHECK(slip({{"hold: 30s", "hold: 30s, export: {communities: [NO_EXPORT, \"1:2:3\"]}"}}));
    CHECK(!slip({{"hold: 30s", "hold: 30s, export: learned"}}));
    CHECK(!slip({{"hold: 30s", "hold: 30s, export: {communities: [NO-EXPORT]}"}}));
    CHECK(!slip({{"ttl-security: true", "ttl-security: yes"}}));
    CHECK(!slip({{"asn: 64500, ", ""}}));
    CHECK(!slip({{"limit: 2Gbps", "limit: 2G"}}));
    const auto override = [&](const std::string& text) {
        return slip(
            {{"policy: {fail-back: manual}", "overrides: {night: {owner: anna, " + text + "}}"}});
    };
    CHECK(override("until: 2026-11-22T06:00Z, set: {policy.fail-back: auto}"));
    CHECK(!override("until: 2026-11-22T06:00, set: {policy.fail-back: auto}"));
    CHECK(!override("until: 2026-11-22T06:00Z"));
}

TEST_CASE("the schema lets override what the model lets override") {
    const json& names = schema().at(json::json_pointer(
        "/properties/overrides/additionalProperties/properties/set/propertyNames"));
    std::size_t count = 0;
    for (const Setting& setting : effective(example("two-provider"))) {
        CAPTURE(setting.name());
        CHECK(matches(names, setting.name()) == can_be_overridden(setting.name()));
        count += can_be_overridden(setting.name()) ? 1U : 0U;
    }
    CHECK(count == 22);
    for (const char* none :
         {"policy", "policy.", "uplinks.limit", "uplinks..limit", "detect.targets"})
        CHECK_MESSAGE(matches(names, none) == can_be_overridden(none), none);
}
