// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/observe/member.h"

#include <fmt/format.h>

#include <cmath>

namespace detour::observe {

using nlohmann::json;

std::string text_at(const json& object, const char* name) {
    const auto found = object.find(name);
    if (found == object.end() || found->is_null())
        return {};
    return found->is_string() ? found->get<std::string>() : found->dump();
}

double number_at(const json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_number() ? found->get<double>() : 0;
}

bool truth_at(const json& object, const char* name, bool fallback) {
    const auto found = object.find(name);
    return found != object.end() && found->is_boolean() ? found->get<bool>() : fallback;
}

const json& object_at(const json& object, const char* name) {
    static const json nothing = json::object();
    const auto found = object.find(name);
    return found != object.end() && found->is_object() ? *found : nothing;
}

std::string digits(double value) {
    const double size = std::abs(value);
    const int places = size >= 100 || value == std::round(value) ? 0 : size >= 10 ? 1 : 2;
    return fmt::format("{:.{}f}", value, places);
}

}  // namespace detour::observe
