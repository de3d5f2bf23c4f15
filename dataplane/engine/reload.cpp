// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/reload.h"

#include <fmt/format.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <charconv>

#include <chrono>
#include <cstring>
#include <utility>

#include "conf/model/diff.h"
#include "conf/model/succession.h"
#include "dataplane/engine/descriptor.h"

namespace detour::engine {
namespace {

// Its socket answers. The lock file would tell too, but not without taking it for a moment.
bool is_detourd_running(const std::filesystem::path& socket_file) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    const std::string& path = socket_file.native();
    if (path.size() >= sizeof address.sun_path)
        return false;
    std::memcpy(address.sun_path, path.data(), path.size());
    const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
    return probe.is_open() &&
           ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

revision::Question question(const program::Options& options) {
    return {.config_file = options.config_file,
            .state_dir = options.state_dir,
            .plane = revision::Plane::data,
            .control = is_detourd_running(options.run().api_socket()) ? revision::Peer::running
                                                                      : revision::Peer::absent,
            .boot = revision::boot_id(),
            .now = std::chrono::system_clock::now()};
}

}  // namespace

std::expected<revision::Choice, Error> first_configuration(const program::Options& options) {
    auto choice = revision::choose(question(options));
    if (!choice)
        return std::unexpected(setup_error(model::to_string(choice.error())));
    return std::move(*choice);
}

std::expected<revision::Choice, Error> next_configuration(const program::Options& options,
                                                          std::optional<revision::Number> number) {
    if (number) {
        auto revision = revision::read_revision(question(options), *number);
        if (!revision)
            return std::unexpected(Error{revision.error()});
        return std::move(*revision);
    }
    auto text = revision::read_file(options.config_file);
    if (!text)
        return std::unexpected(Error{text.error()});
    const revision::Standing standing = revision::Store(options.state_dir).standing();
    if (revision::digest(*text) == standing.set_aside)
        return std::unexpected(Error{"the file was rolled back from and is still the same"});
    auto config = model::parse(*text, options.config_file, std::chrono::system_clock::now());
    if (!config)
        return std::unexpected(Error{headline(config.error().front())});
    return revision::Choice{std::move(*config), std::move(*text), std::nullopt, {}};
}

std::expected<std::optional<revision::Number>, Error> wanted_revision(
    const std::string& parameters) {
    if (parameters.empty())
        return std::nullopt;
    revision::Number number = 0;
    const char* const end = parameters.data() + parameters.size();
    if (std::from_chars(parameters.data(), end, number).ptr != end)
        return std::unexpected(Error{"wanted: the number of a revision, or nothing"});
    return number;
}

std::expected<model::Config, Error> successor(const model::Config& running, model::Config next) {
    model::Config placed = model::keep_places(std::move(next), running);
    const auto restarts = model::diff(running, placed).restarts;
    if (restarts.empty())
        return placed;
    std::string text = "needs a new start:";
    for (const model::Restart& restart : restarts)
        text += fmt::format("{} {}", &restart == &restarts.front() ? "" : ",", restart.path);
    return std::unexpected(Error{std::move(text)});
}

}  // namespace detour::engine
