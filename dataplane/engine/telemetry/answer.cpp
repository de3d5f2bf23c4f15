// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/telemetry/answer.h"

#include <rte_telemetry.h>

#include <algorithm>

namespace detour::engine {
namespace {

constexpr std::size_t page_size = 12'000;  // of 16,384 that a message holds

rte_tel_data* container(const Answer::Object& object);
rte_tel_data* container(const Answer::List& list);

struct AddToObject {
    rte_tel_data* out;
    const std::string& name;

    void operator()(const std::string& text) const {
        rte_tel_data_add_dict_string(out, name.c_str(),
                                     text.substr(0, RTE_TEL_MAX_STRING_LEN - 1).c_str());
    }
    void operator()(std::uint64_t number) const {
        rte_tel_data_add_dict_u64(out, name.c_str(), number);
    }
    void operator()(const auto& nested) const {
        if (rte_tel_data* const inner = container(nested); inner != nullptr)
            rte_tel_data_add_dict_container(out, name.c_str(), inner, 0);
    }
};

// A list's elements have one type: that of its first.
struct StartList {
    rte_tel_data* out;

    void operator()(const std::string& /*text*/) const {
        rte_tel_data_start_array(out, RTE_TEL_STRING_VAL);
    }
    void operator()(std::uint64_t /*number*/) const {
        rte_tel_data_start_array(out, RTE_TEL_U64_VAL);
    }
    void operator()(const auto& /*nested*/) const {
        rte_tel_data_start_array(out, RTE_TEL_CONTAINER);
    }
};

struct AddToList {
    rte_tel_data* out;

    void operator()(const std::string& text) const {
        rte_tel_data_add_array_string(out, text.substr(0, RTE_TEL_MAX_STRING_LEN - 1).c_str());
    }
    void operator()(std::uint64_t number) const { rte_tel_data_add_array_u64(out, number); }
    void operator()(const auto& nested) const {
        if (rte_tel_data* const inner = container(nested); inner != nullptr)
            rte_tel_data_add_array_container(out, inner, 0);
    }
};

rte_tel_data* container(const Answer::Object& object) {
    rte_tel_data* const out = rte_tel_data_alloc();
    if (out != nullptr)
        fill(out, object);
    return out;
}

rte_tel_data* container(const Answer::List& list) {
    rte_tel_data* const out = rte_tel_data_alloc();
    if (out == nullptr)
        return nullptr;
    if (list.empty())
        rte_tel_data_start_array(out, RTE_TEL_U64_VAL);
    else
        std::visit(StartList{out}, list.front().value());
    for (const Answer& item : list)
        std::visit(AddToList{out}, item.value());
    return out;
}

struct SizeOf {
    std::size_t operator()(const std::string& text) const { return text.size() + 3; }
    std::size_t operator()(std::uint64_t /*number*/) const { return 21; }
    std::size_t operator()(const Answer::List& list) const {
        std::size_t size = 2;
        for (const Answer& item : list)
            size += item.size() + 1;
        return size;
    }
    std::size_t operator()(const Answer::Object& object) const {
        std::size_t size = 2;
        for (const auto& [name, item] : object)
            size += name.size() + 4 + item.size();
        return size;
    }
};

}  // namespace

std::size_t Answer::size() const {
    return std::visit(SizeOf{}, value_);
}

Answer::Object page(const Answer::List& items, std::size_t first) {
    first = std::min(first, items.size());
    Answer::Object part;
    std::size_t size = 0;
    std::size_t next = first;
    for (; next < items.size() && part.size() < RTE_TEL_MAX_DICT_ENTRIES; ++next) {
        size += items[next].size() + 10;
        if (size > page_size && !part.empty())
            break;
        part.emplace_back(std::to_string(next), items[next]);
    }
    Answer::Object object{{"total", items.size()}, {"first", first}};
    if (next < items.size())
        object.emplace_back("next", next);
    object.emplace_back("items", std::move(part));
    return object;
}

void fill(rte_tel_data* out, const Answer::Object& object) {
    rte_tel_data_start_dict(out);
    for (const auto& [name, item] : object)
        std::visit(AddToObject{out, name}, item.value());
}

}  // namespace detour::engine
