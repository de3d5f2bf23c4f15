// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the files of tests/config do not show: large configurations, files that cannot be read,
// damaged texts.
#include "conf/model/load.h"

#include <doctest/doctest.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>

using namespace detour;
using namespace detour::model;

namespace {

std::string text_of(const std::string& name) {
    std::ifstream stream(std::string(SOURCE_DIR "/") + name);
    std::ostringstream text;
    text << stream.rdbuf();
    return text.str();
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
    const auto place = text.find(from);
    REQUIRE(place != text.npos);
    return text.replace(place, from.size(), to);
}

std::string minimal() {
    return text_of("conf/examples/minimal.yaml");
}

}  // namespace

TEST_CASE("more than 256 rules are warned about, after aggregation") {
    // 300 prefixes, no two of them halves of one; and 512 that are one /15.
    std::string sparse;
    std::string dense;
    for (int i = 0; i < 300; ++i)
        sparse += "44." + std::to_string(i / 100) + "." + std::to_string(i % 100 * 2) + ".0/24, ";
    for (int i = 0; i < 512; ++i)
        dense += "44." + std::to_string(i / 256) + "." + std::to_string(i % 256) + ".0/24, ";
    const auto rules = [](const std::string& prefixes) {
        const auto config =
            parse(replaced(minimal(), "[198.51.100.0/24]", "[" + prefixes + "198.51.100.0/24]"),
                  "t.yaml", {});
        REQUIRE(config);
        std::size_t count = 0;
        for (const Diagnostic& warning : config->warnings)
            count += warning.message.find("301 IPv4 rules") != std::string::npos ? 1U : 0U;
        return count;
    };
    CHECK(rules(sparse) == 1);
    CHECK(rules(dense) == 0);
}

TEST_CASE("what no box has is refused before it costs time") {
    const auto many = [](int count, const std::string& thing) {
        std::string text;
        for (int i = 0; i < count; ++i)
            text += "  x" + std::to_string(i) + ": " + thing + "\n";
        return text;
    };
    std::string targets = "    - {asn: 64504, addresses: [";
    for (int i = 0; i < 1001; ++i)
        targets += "44.9." + std::to_string(i / 250) + "." + std::to_string(1 + i % 250) + ", ";
    for (const auto& [text, message] :
         {std::pair<std::string, std::string>{
              replaced(minimal(), "ports:\n", "ports:\n" + many(20'000, "{device: eth1}")),
              "more than 64 ports"},
          {replaced(minimal(), "uplinks:\n", "uplinks:\n" + many(5000, "{kind: direct}")),
           "more than 1024 uplinks"},
          {replaced(minimal(), "prefix-sets:\n", "prefix-sets:\n" + many(5000, "{prefixes: []}")),
           "more than 1000 prefix sets"},
          {minimal() + targets + "44.9.9.9]}\n", "more than 1000 targets"}}) {
        const auto config = parse(text, "t.yaml", {});
        REQUIRE_FALSE(config);
        bool is_said = false;
        for (const Diagnostic& diagnostic : config.error())
            is_said = is_said || diagnostic.message == message;
        CHECK_MESSAGE(is_said, message);
    }
}

TEST_CASE("a thousand prefixes are no effort") {
    std::string prefixes;
    for (int i = 0; i < 1000; ++i)
        prefixes += "44." + std::to_string(i / 100) + "." + std::to_string(i % 100 * 2) + ".0/24, ";
    CHECK(parse(replaced(minimal(), "[198.51.100.0/24]", "[" + prefixes + "198.51.100.0/24]"),
                "t.yaml", {}));
}

TEST_CASE("errors are sorted by their place, whatever stage found them") {
    const auto config = load(SOURCE_DIR "/tests/config/bad/several-at-once.yaml", {});
    REQUIRE_FALSE(config);
    REQUIRE(config.error().size() == 5);
    for (std::size_t i = 1; i < config.error().size(); ++i)
        CHECK(config.error()[i - 1].position < config.error()[i].position);
}

TEST_CASE("a file that cannot be read is an error like others") {
    for (const auto& [file, part] :
         {std::pair<const char*, const char*>{SOURCE_DIR "/no-such-file.yaml", "cannot be read"},
          {SOURCE_DIR, "this is a directory"}}) {
        const auto config = load(file, {});
        REQUIRE_FALSE(config);
        REQUIRE(config.error().size() == 1);
        CHECK(config.error()[0].message.find(part) != std::string::npos);
        CHECK(excerpt(config.error()[0]).empty());
    }
}

TEST_CASE("relative file names are relative to the configuration, absolute ones are not") {
    const auto with = [](const std::string& file) {
        return replaced(minimal(), "asn: 64496}", "asn: 64496, password-file: " + file + "}");
    };
    const auto relative =
        parse(with("../examples/keys/provider"), SOURCE_DIR "/conf/examples/t.yaml", {});
    REQUIRE(relative);
    CHECK(relative->warnings.empty());
    CHECK(relative->uplinks[0].bgp->password_file == SOURCE_DIR "/conf/examples/keys/provider");
    const auto absolute = parse(with(SOURCE_DIR "/conf/examples/keys/provider"), "/etc/t.yaml", {});
    REQUIRE(absolute);
    CHECK(absolute->uplinks[0].bgp->password_file == SOURCE_DIR "/conf/examples/keys/provider");
}

TEST_CASE("a damaged configuration is refused or read, but never more") {
    const std::string whole = text_of("tests/config/good/every-key.yaml");
    std::mt19937 random(11);
    const std::string_view bytes =
        "[]{}:,-&*!|>'\"%@`#?\n\t \0\xff"
        "0129aZ/.";
    for (int round = 0; round < 1500; ++round) {
        std::string text = whole;
        for (unsigned i = 0; i < 1 + round % 4U; ++i) {
            const std::size_t place = random() % text.size();
            switch (random() % 4) {
                case 0:
                    text[place] = bytes[random() % bytes.size()];
                    break;
                case 1:
                    text.insert(place, 1, bytes[random() % bytes.size()]);
                    break;
                case 2:
                    text.erase(place, 1 + random() % 40);
                    break;
                default:
                    text.insert(place, text.substr(random() % text.size(), random() % 60));
            }
        }
        const auto config = parse(text, SOURCE_DIR "/tests/config/good/t.yaml", {});
        if (!config) {
            REQUIRE(has_errors(config.error()));
            for (const Diagnostic& diagnostic : config.error()) {
                REQUIRE_FALSE(diagnostic.path.empty());
                REQUIRE_FALSE(diagnostic.message.empty());
                REQUIRE_FALSE(headline(diagnostic).empty());
                (void)excerpt(diagnostic);
            }
        } else {
            REQUIRE_FALSE(has_errors(config->warnings));
        }
    }
}

TEST_CASE("any cut of a configuration is refused or read") {
    const std::string whole = text_of("conf/examples/two-provider.yaml");
    for (std::size_t size = 0; size < whole.size(); size += 7)
        (void)parse(std::string_view(whole).substr(0, size), "t.yaml", {});
}
