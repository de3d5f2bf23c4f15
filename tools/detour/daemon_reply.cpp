// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/daemon_reply.h"

#include <fmt/format.h>
#include <pwd.h>
#include <unistd.h>

#include <cstdlib>

namespace detour::command {
namespace {

using nlohmann::json;

std::string number(double value) {
    return fmt::format("{:.3g}", value);
}

std::string sign(const std::string& comparison) {
    if (comparison == "at_least")
        return ">=";
    if (comparison == "at_most")
        return "<=";
    if (comparison == "below")
        return "<";
    if (comparison == "above")
        return ">";
    return "=";
}

std::string figure_text(const json& figure) {
    const bool is_seconds = figure.value("unit", "") == "seconds";
    // A time that never was is told as less than nothing.
    const auto value = [&](double of) {
        return is_seconds ? of < 0 ? std::string("never") : age(of) : number(of);
    };
    std::string text =
        fmt::format("{} {}", figure.at("name").get<std::string>(), value(figure.at("value")));
    if (figure.contains("out_of"))
        text += fmt::format(" of {}", number(figure.at("out_of")));
    if (figure.contains("threshold"))
        text +=
            fmt::format(" ({} {})", sign(figure.at("comparison")), value(figure.at("threshold")));
    return text;
}

}  // namespace

Client client_of(const Context& context) {
    return Client(context.options.run().api_socket());
}

int fail(const ClientError& error, Output output) {
    const int code = error.kind == ClientError::Kind::unreachable ? 3 : 2;
    if (output == Output::json) {
        json document = error.body.is_object() ? error.body : json::object();
        document["schema_version"] = schema_version;
        document["error"] = error.message;
        fmt::print("{}\n", document.dump(2));
    } else {
        fmt::print(stderr, "detour: {}\n", error.message);
    }
    return code;
}

std::string age(double seconds) {
    if (seconds < 10)
        return fmt::format("{:.1f} s", seconds);
    const auto whole = static_cast<long>(seconds);
    if (whole < 60)
        return fmt::format("{} s", whole);
    if (whole < 3600)
        return fmt::format("{} min {} s", whole / 60, whole % 60);
    if (whole < 86400)
        return fmt::format("{} h {} min", whole / 3600, whole % 3600 / 60);
    return fmt::format("{} d {} h", whole / 86400, whole % 86400 / 3600);
}

std::string explain(const json& explanation) {
    std::string text = explanation.value("rule", "");
    if (explanation.contains("missing"))
        text += fmt::format("{}missing: {}", text.empty() ? "" : ", ",
                            explanation.at("missing").get<std::string>());
    if (explanation.contains("note"))
        text += fmt::format(" ({})", explanation.at("note").get<std::string>());
    std::string figures;
    const bool is_unmet = explanation.contains("missing");
    for (const json& figure : explanation.value("figures", json::array()))
        if (!is_unmet || !figure.value("holds", true))
            figures += (figures.empty() ? "" : ", ") + figure_text(figure);
    return figures.empty() ? text : fmt::format("{}: {}", text, figures);
}

std::string actor() {
    if (const char* login = std::getenv("SUDO_USER"); login != nullptr)
        return login;
    const passwd* user = ::getpwuid(::getuid());
    return user != nullptr ? user->pw_name : fmt::format("uid {}", ::getuid());
}

}  // namespace detour::command
