// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/program/paths.h"

#include <fmt/format.h>

#include <cstddef>
#include <cstdint>
#include <system_error>

namespace detour::program {
namespace {

// sizeof(sockaddr_un::sun_path), its final zero included, without <sys/un.h>: this room opens no
// socket.
constexpr std::size_t socket_path_room = 108;

std::filesystem::path one_spelling(const std::filesystem::path& directory) {
    std::error_code error;
    auto path = std::filesystem::weakly_canonical(std::filesystem::absolute(directory), error);
    if (error)  // a directory on the way may not be read by us: the text alone has to do
        path = std::filesystem::absolute(directory).lexically_normal();
    return path.has_filename() ? path : path.parent_path();
}

// FNV-1a, 32 bits: the same text gives the same name on every build and machine.
std::uint32_t hash(std::string_view text) {
    std::uint32_t value = 2166136261U;
    for (const char octet : text)
        value = (value ^ static_cast<std::uint8_t>(octet)) * 16777619U;
    return value;
}

}  // namespace

RunDir::RunDir(const std::filesystem::path& directory) : path_(one_spelling(directory)) {}

std::filesystem::path RunDir::lock_file(std::string_view program) const {
    return path_ / fmt::format("{}.lock", program);
}

std::string RunDir::eal_file_prefix() const {
    return fmt::format("detour-{:08x}", hash(path_.native()));
}

std::filesystem::path RunDir::telemetry_socket() const {
    return path_ / "dpdk" / eal_file_prefix() / "dpdk_telemetry.v2";
}

bool RunDir::has_room_for_sockets() const {
    return telemetry_socket().native().size() < socket_path_room;
}

}  // namespace detour::program
