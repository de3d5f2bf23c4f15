// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/revision/store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <fstream>
#include <iterator>
#include <system_error>

namespace detour::revision {
namespace {

constexpr const char* standing_name = "standing";

std::unexpected<std::string> cannot(std::string_view what, const std::filesystem::path& file) {
    return std::unexpected(fmt::format("cannot {} {}: {}; look at --state-dir and its disk", what,
                                       file.string(), std::strerror(errno)));
}

bool write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const ssize_t count = ::write(fd, text.data(), text.size());
        if (count < 0 && errno == EINTR)
            continue;
        if (count <= 0)
            return false;
        text.remove_prefix(static_cast<std::size_t>(count));
    }
    return true;
}

std::expected<void, std::string> replace_file(const std::filesystem::path& file,
                                              std::string_view text) {
    const std::filesystem::path fresh = file.string() + ".new";
    const int fd = ::open(fresh.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (fd < 0)
        return cannot("write", fresh);
    const bool is_written = write_all(fd, text) && ::fsync(fd) == 0;
    if (::close(fd) != 0 || !is_written)
        return cannot("write", fresh);
    if (::rename(fresh.c_str(), file.c_str()) != 0)
        return cannot("replace", file);
    // The name is on the disk when the directory is.
    const int directory = ::open(file.parent_path().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (directory >= 0) {
        (void)::fsync(directory);
        ::close(directory);
    }
    return {};
}

std::string stem(Number number) {
    return std::to_string(number);
}

}  // namespace

std::expected<std::string, std::string> read_file(const std::filesystem::path& file) {
    std::ifstream stream(file, std::ios::binary);
    if (!stream)
        return std::unexpected(
            fmt::format("cannot read {}: {}", file.string(), std::strerror(errno)));
    return std::string(std::istreambuf_iterator<char>(stream), {});
}

std::string boot_id() {
    const auto text = read_file("/proc/sys/kernel/random/boot_id");
    return text ? text->substr(0, text->find('\n')) : std::string();
}

std::vector<Revision> Store::list() const {
    std::vector<Revision> revisions;
    std::error_code error;
    for (const auto& entry : std::filesystem::directory_iterator(directory_, error)) {
        const std::string name = entry.path().filename().string();
        if (name.find_first_not_of("0123456789") != name.npos)
            continue;
        const auto text = read_file(entry.path());
        if (auto revision = text ? parse_revision(*text) : std::nullopt)
            revisions.push_back(std::move(*revision));
    }
    std::ranges::sort(revisions, {}, &Revision::number);
    return revisions;
}

std::expected<Revision, std::string> Store::find(Number number) const {
    const auto text = read_file(directory_ / stem(number));
    if (auto revision = text ? parse_revision(*text) : std::nullopt)
        return *revision;
    return std::unexpected(
        fmt::format("there is no revision {}; detour revisions lists them", number));
}

std::expected<std::string, std::string> Store::text(Number number) const {
    auto text = read_file(directory_ / (stem(number) + ".yaml"));
    if (!text)
        return std::unexpected(fmt::format(
            "the text of revision {} is not there; detour revisions lists them", number));
    return text;
}

Standing Store::standing() const {
    const auto text = read_file(directory_ / standing_name);
    return text ? parse_standing(*text).value_or(Standing{}) : Standing{};
}

std::expected<Revision, std::string> Store::add(std::string_view text, Revision revision) const {
    std::error_code error;
    std::filesystem::create_directories(directory_, error);
    if (error)
        return std::unexpected(fmt::format("cannot make {}: {}; look at --state-dir",
                                           directory_.string(), error.message()));
    const std::vector<Revision> revisions = list();
    revision.number = revisions.empty() ? 1 : revisions.back().number + 1;
    revision.digest = digest(text);
    if (auto written = replace_file(directory_ / (stem(revision.number) + ".yaml"), text); !written)
        return std::unexpected(written.error());
    if (auto written = replace_file(directory_ / stem(revision.number), to_text(revision));
        !written)
        return std::unexpected(written.error());
    prune(revisions);
    return revision;
}

std::expected<void, std::string> Store::stand(const Standing& standing) const {
    return replace_file(directory_ / standing_name, to_text(standing));
}

void Store::prune(const std::vector<Revision>& revisions) const {
    const Standing stands = standing();
    std::size_t excess = revisions.size() + 1 > kept_count ? revisions.size() + 1 - kept_count : 0;
    for (const Revision& revision : revisions) {
        if (excess == 0)
            return;
        --excess;
        if (revision.number == stands.current || revision.number == stands.previous)
            continue;
        std::error_code ignored;
        std::filesystem::remove(directory_ / stem(revision.number), ignored);
        std::filesystem::remove(directory_ / (stem(revision.number) + ".yaml"), ignored);
    }
}

}  // namespace detour::revision
