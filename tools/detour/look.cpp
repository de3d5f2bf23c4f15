// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/look.h"

#include <fmt/format.h>

#include "tools/detour/daemon_reply.h"

namespace detour::command {

using nlohmann::json;

int look(const Context& context, const std::string& path, const Query& query,
         const std::function<int(const json&)>& show) {
    const Reply reply = client_of(context).get(path, query);
    if (!reply)
        return fail(reply.error(), context.output);
    if (context.output == Output::text)
        return show(*reply);
    fmt::print("{}\n", reply->dump(2));
    return exit_code::ok;
}

std::string text_of(const json& object, const char* name) {
    const auto found = object.find(name);
    return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::string short_age(double seconds) {
    if (seconds < 9.95)
        return fmt::format("{:.1f}s", seconds);
    const auto whole = static_cast<long>(seconds);
    if (whole < 60)
        return fmt::format("{}s", whole);
    if (whole < 3600)
        return fmt::format("{}m{:02}s", whole / 60, whole % 60);
    if (whole < 86400)
        return fmt::format("{}h{:02}m", whole / 3600, whole % 3600 / 60);
    return fmt::format("{}d{:02}h", whole / 86400, whole % 86400 / 3600);
}

std::string short_age(const json& seconds) {
    return seconds.is_number() ? short_age(seconds.get<double>()) : "never";
}

std::string percent(const json& ratio) {
    return ratio.is_number() ? fmt::format("{:.0f}%", ratio.get<double>() * 100) : "-";
}

std::string rate(const json& per_second) {
    if (!per_second.is_number())
        return "-";
    const auto value = per_second.get<double>();
    if (value >= 1e6)
        return fmt::format("{:.1f}M/s", value / 1e6);
    return value >= 1e4 ? fmt::format("{:.1f}k/s", value / 1e3) : fmt::format("{:.0f}/s", value);
}

bool is_calm(std::string_view verdict) {
    for (const std::string_view calm :
         {"HEALTHY", "AWAY", "CONTROL-BAD", "SENTINEL-BAD", "UNSEEN", "NEVER-PROVEN", "UNCLEAR"})
        if (verdict == calm)
            return true;
    return false;
}

Style style_of(std::string_view verdict) {
    if (verdict == "HEALTHY")
        return Style::green;
    return is_calm(verdict) ? Style::plain : Style::red;
}

std::string block_name(const json& row) {
    return text_of(row, "set") + "/" + text_of(row, "family");
}

}  // namespace detour::command
