// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Asks a running detourd over its Unix socket. No answer at all (nobody listens) and an answer that
// says no are different things to an operator, and to the exit code: 3 and 2.
#pragma once

#include <expected>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <string>

namespace detour::command {

struct ClientError {
    enum class Kind { unreachable, refused };

    Kind kind = Kind::unreachable;
    std::string message;  // a sentence that says what to do
    nlohmann::json body;  // of a refusal: the daemon's words
};

using Query = std::map<std::string, std::string>;
using Reply = std::expected<nlohmann::json, ClientError>;

class Client {
 public:
    explicit Client(std::filesystem::path socket) : socket_(std::move(socket)) {}

    [[nodiscard]] Reply get(const std::string& path, const Query& query = {}) const;
    [[nodiscard]] Reply post(const std::string& path, const nlohmann::json& body) const;

 private:
    std::filesystem::path socket_;
};

}  // namespace detour::command
