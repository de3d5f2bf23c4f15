// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "dataplane/engine/lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>

#include <array>

namespace detour::engine {
namespace {

// The holder's process id, as it wrote it; for the message only.
std::string holder(int fd) {
    std::array<char, 32> text{};
    const ssize_t size = pread(fd, text.data(), text.size() - 1, 0);
    return size > 0 ? fmt::format(" (process {})", std::string_view(text.data())) : "";
}

}  // namespace

std::expected<Descriptor, Error> take_lock(const std::filesystem::path& file) {
    std::error_code error;
    std::filesystem::create_directories(file.parent_path(), error);
    Descriptor lock(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
    if (!lock.is_open())
        return std::unexpected(system_error(fmt::format("cannot open {}", file.native())));
    if (flock(lock.get(), LOCK_EX | LOCK_NB) != 0)
        return std::unexpected(setup_error(fmt::format(
            "another detour-dataplane{} runs with run directory {}: stop it first, or give this "
            "one its own --run-dir",
            holder(lock.get()), file.parent_path().native())));
    const std::string pid = fmt::format("{}", getpid());
    if (ftruncate(lock.get(), 0) != 0 ||
        pwrite(lock.get(), pid.data(), pid.size(), 0) != static_cast<ssize_t>(pid.size()))
        return std::unexpected(system_error(fmt::format("cannot write {}", file.native())));
    return lock;
}

}  // namespace detour::engine
