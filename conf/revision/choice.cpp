// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/revision/choice.h"

#include <fmt/format.h>

#include <utility>

namespace detour::revision {
namespace {

bool is_given_up(const Question& question, const Standing& standing) {
    if (!standing.trial || !standing.previous)
        return false;
    return question.plane == Plane::control || standing.trial->boot != question.boot;
}

// The revision that takes the file's place without a look at whether the file is good.
std::optional<Choice> instead(const Question& question, const Standing& standing,
                              const std::string& file_digest) {
    const auto take = [&](Number number, std::string notice) -> std::optional<Choice> {
        auto choice = read_revision(question, number);
        if (!choice)
            return std::nullopt;
        choice->notice = std::move(notice);
        return std::move(*choice);
    };
    if (is_given_up(question, standing))
        return take(
            *standing.previous,
            fmt::format("revision {} was not confirmed before the restart: revision {} runs",
                        standing.current, *standing.previous));
    if (standing.current == 0)
        return std::nullopt;
    if (question.plane == Plane::data && question.control == Peer::running)
        return take(standing.current,
                    fmt::format("revision {} runs, as in detourd", standing.current));
    if (!standing.set_aside.empty() && standing.set_aside == file_digest)
        return take(standing.current, fmt::format("{} was rolled back from: revision {} runs",
                                                  question.config_file.string(), standing.current));
    return std::nullopt;
}

}  // namespace

std::expected<Choice, std::string> read_revision(const Question& question, Number number) {
    auto text = Store(question.state_dir).text(number);
    if (!text)
        return std::unexpected(text.error());
    auto config = model::parse(*text, question.config_file, question.now);
    if (!config)
        return std::unexpected(fmt::format("revision {} has errors for this detour: {}", number,
                                           headline(config.error().front())));
    return Choice{std::move(*config), std::move(*text), number, {}};
}

std::expected<Choice, model::Diagnostics> choose(const Question& question) {
    const Standing standing = Store(question.state_dir).standing();
    auto text = read_file(question.config_file);
    if (auto choice = instead(question, standing, text ? digest(*text) : std::string()))
        return std::move(*choice);
    auto config = model::load(question.config_file, question.now);
    if (config && text)
        return Choice{std::move(*config), std::move(*text), std::nullopt, {}};
    if (standing.current != 0)
        if (auto last_good = read_revision(question, standing.current)) {
            last_good->notice =
                fmt::format("{} has errors: the last good configuration, revision {}, runs",
                            question.config_file.string(), standing.current);
            return std::move(*last_good);
        }
    return std::unexpected(config ? model::Diagnostics{} : std::move(config.error()));
}

}  // namespace detour::revision
