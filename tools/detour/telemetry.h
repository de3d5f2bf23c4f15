// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Asks a running data plane over DPDK's telemetry socket, so that the fast path can be looked at
// whoever the control plane is: detourd, FRR, BIRD, or `ip`. Questions are answered one at a time
// and at once; a data plane that does not answer within two seconds is as good as away.
#pragma once

#include <expected>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "tools/detour/client.h"

namespace detour::command {

class Telemetry {
 public:
    // Unreachable: nobody listens there.
    [[nodiscard]] static std::expected<Telemetry, ClientError> connect(
        const std::filesystem::path& socket);
    ~Telemetry();
    Telemetry(Telemetry&& other) noexcept;
    Telemetry& operator=(Telemetry&&) = delete;

    // "/detour/tables", "/detour/trace,lan0,192.0.2.1,192.0.2.2": what the answer holds under the
    // command's name.
    [[nodiscard]] Reply ask(const std::string& command);
    // All entries of a list, page by page, in order.
    [[nodiscard]] std::expected<std::vector<nlohmann::json>, ClientError> list(
        const std::string& command);

 private:
    explicit Telemetry(int descriptor) : descriptor_(descriptor) {}

    int descriptor_ = -1;
};

}  // namespace detour::command
