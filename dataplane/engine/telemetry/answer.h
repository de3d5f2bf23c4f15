// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// A telemetry answer as a tree of texts, numbers, lists and objects. Built by the engine's thread,
// turned into DPDK's form by the telemetry thread; each node belongs to one of them at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <variant>
#include <vector>

struct rte_tel_data;

namespace detour::engine {

class Answer {
 public:
    using List = std::vector<Answer>;
    using Object = std::vector<std::pair<std::string, Answer>>;

    Answer(std::string text) : value_(std::move(text)) {}    // NOLINT(google-explicit-constructor)
    Answer(const char* text) : value_(std::string(text)) {}  // NOLINT(google-explicit-constructor)
    Answer(std::uint64_t number) : value_(number) {}         // NOLINT(google-explicit-constructor)
    Answer(List list) : value_(std::move(list)) {}           // NOLINT(google-explicit-constructor)
    Answer(Object object) : value_(std::move(object)) {}     // NOLINT(google-explicit-constructor)

    [[nodiscard]] const std::variant<std::string, std::uint64_t, List, Object>& value() const {
        return value_;
    }
    // Bytes as JSON, an upper bound.
    [[nodiscard]] std::size_t size() const;

 private:
    std::variant<std::string, std::uint64_t, List, Object> value_;
};

// A part of a long list, small enough for one message of DPDK's telemetry (16 KiB):
//     {"total": 300, "first": 57, "next": 114, "items": {"57": {...}, "58": {...}, ...}}
// without "next" at the end of the list. Items are named by their place, because DPDK 22.11 knows
// no list of objects inside an object.
[[nodiscard]] Answer::Object page(const Answer::List& items, std::size_t first);

// Fills `out` (empty) with an object. Texts are cut at DPDK's 127 bytes; names are letters, digits
// and underscores, others DPDK refuses.
void fill(rte_tel_data* out, const Answer::Object& object);

}  // namespace detour::engine
