// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/telemetry/answer.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <optional>

namespace detour::engine {
namespace {

const Answer* member(const Answer::Object& object, const std::string& name) {
    const auto found = std::ranges::find(object, name, &Answer::Object::value_type::first);
    return found == object.end() ? nullptr : &found->second;
}

std::optional<std::uint64_t> number(const Answer::Object& object, const std::string& name) {
    const Answer* const answer = member(object, name);
    return answer == nullptr ? std::nullopt
                             : std::optional(std::get<std::uint64_t>(answer->value()));
}

Answer::List items(std::size_t count) {
    Answer::List list;
    for (std::size_t i = 0; i < count; ++i)
        list.emplace_back(Answer::Object{{"place", i}, {"text", std::string(50, 'x')}});
    return list;
}

TEST_CASE("a short list is one page") {
    const auto part = page(items(3), 0);
    CHECK(number(part, "total") == 3);
    CHECK(number(part, "first") == 0);
    CHECK(member(part, "next") == nullptr);
    CHECK(std::get<Answer::Object>(member(part, "items")->value()).size() == 3);
}

TEST_CASE("following next shows every item of a long list once, in pages that fit a message") {
    const Answer::List list = items(1000);
    std::size_t expected = 0;
    std::optional<std::uint64_t> next = 0;
    while (next) {
        const auto part = page(list, *next);
        CHECK(Answer(part).size() < 16384);
        for (const auto& [name, item] : std::get<Answer::Object>(member(part, "items")->value())) {
            CHECK(name == std::to_string(expected));
            CHECK(number(std::get<Answer::Object>(item.value()), "place") == expected);
            ++expected;
        }
        next = number(part, "next");
    }
    CHECK(expected == 1000);
}

TEST_CASE("a page behind the end is empty") {
    const auto part = page(items(3), 7);
    CHECK(number(part, "total") == 3);
    CHECK(member(part, "next") == nullptr);
    CHECK(std::get<Answer::Object>(member(part, "items")->value()).empty());
}

TEST_CASE("an item larger than a page is a page of its own") {
    const Answer::List list{Answer::Object{{"text", std::string(20'000, 'x')}},
                            Answer::Object{{"text", "short"}}};
    CHECK(number(page(list, 0), "next") == 1);
    CHECK(member(page(list, 1), "next") == nullptr);
}

}  // namespace
}  // namespace detour::engine
