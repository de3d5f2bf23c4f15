// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/model/document.h"

#include <doctest/doctest.h>

#include <string>

using namespace detour::model;

namespace {

struct Read {
    SourceText source;
    Diagnostics diagnostics;
    Node root;

    explicit Read(const std::string& text)
        : source(text, "t.yaml"), root(read_document(text, source, diagnostics)) {}
};

}  // namespace

TEST_CASE("every value knows its place, and scalars stay the text they are") {
    const Read read("a: 010\nb:\n  - 'x: y'\n  - {c: 1e3, d: yes}\n");
    CHECK(read.diagnostics.empty());
    REQUIRE(read.root.kind == Node::Kind::map);
    CHECK(read.root.find("a")->text == "010");
    CHECK(read.root.find("a")->position == Position{1, 4});
    const Node& list = *read.root.find("b");
    REQUIRE(list.kind == Node::Kind::list);
    REQUIRE(list.items.size() == 2);
    CHECK(list.items[0].text == "x: y");
    CHECK(list.items[0].position == Position{3, 5});
    CHECK(list.items[1].find("c")->text == "1e3");
    CHECK(list.items[1].find("d")->position == Position{4, 17});
    CHECK(list.items[1].keys[1].position == Position{4, 14});
    CHECK(read.root.find("e") == nullptr);
}

TEST_CASE("a missing value stands where its key does, at the end of the text too") {
    const Read read("a: {b: , c: ~}\nd: null\ne:");
    CHECK(read.diagnostics.empty());
    const Node& a = *read.root.find("a");
    CHECK(a.find("b")->kind == Node::Kind::nothing);
    CHECK(a.find("b")->position == Position{1, 5});
    CHECK(a.find("c")->kind == Node::Kind::nothing);
    CHECK(read.root.find("d")->kind == Node::Kind::nothing);
    CHECK(read.root.find("e")->position == Position{3, 1});
}

TEST_CASE("the first of equal keys is kept, and each further one is complained about") {
    const Read read("a: 1\na: 2\na: {b: 1, b: 2}\n");
    CHECK(read.root.find("a")->text == "1");
    REQUIRE(read.diagnostics.size() == 3);
    CHECK(read.diagnostics[0].position == Position{2, 1});
    CHECK(read.diagnostics[0].path == "a");
    CHECK(read.diagnostics[2].path == "a.b");
}

TEST_CASE("what could make a tree larger than its text, or unlike it, is refused") {
    for (const std::string text :
         {"a: &x 1\n", "a: &x [1]\n", "a: &x {b: 1}\n", "a: &x 1\nb: *x\n", "a: !secret x\n",
          "a: !!int 1\n", "? [a]\n: 1\n", "? {a: 1}\n: 1\n", "a: 1\n---\nb: 1\n", "a: [1\n",
          "a: \"x\n", "a: 'it''s", "a: \"x\\\"\n", "\ta: 1\n", "a: b: c\n",
          "%YAML 9.9 x\n---\na: 1\n", ""}) {
        CAPTURE(text);
        const Read read(text);
        CHECK(has_errors(read.diagnostics));
    }
}

TEST_CASE("depth and size are bounded") {
    std::string deep = "a: ";
    for (int i = 0; i < 100'000; ++i)
        deep += '[';
    CHECK(Read(deep).diagnostics.at(0).message ==
          "nested deeper than 16 levels; a configuration is not");
    CHECK(Read(std::string(15, '[') + std::string(15, ']')).diagnostics.empty());

    std::string large = "a: ";
    large.append(max_text_size, 'x');
    const Read read(large);
    CHECK(read.root.kind == Node::Kind::refused);
    CHECK(read.diagnostics.at(0).message.find("larger than 1024 KiB") != std::string::npos);

    std::string wide;  // many keys: looked up, not compared with each other
    for (int i = 0; i < 60'000; ++i)
        wide += "k" + std::to_string(i) + ": 1\n";
    CHECK(Read(wide).root.keys.size() == 60'000);
}

TEST_CASE("the place inside a scalar is its byte, unless the text is written otherwise") {
    const Read read("a: plain\nb: \"quoted\"\nc: 'it''s'\nd: >\n  folded\n  text\n");
    const auto inside = [&](const char* key) {
        return read.source.inside(*read.root.find(key), 3);
    };
    CHECK(inside("a") == Position{1, 7});
    CHECK(inside("b") == Position{2, 8});
    CHECK(inside("c") == Position{3, 4});
    CHECK(inside("d").line == 4);
}

TEST_CASE("lines are cut as editors count them") {
    const SourceText source("one\r\ntwo\n\nfour", "t.yaml");
    CHECK(source.line(1) == "one");
    CHECK(source.line(2) == "two");
    CHECK(source.line(3).empty());
    CHECK(source.line(4) == "four");
    CHECK(source.line(5).empty());
    CHECK(source.line(0).empty());
}
