// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// HTTP over a Unix socket: JSON in, JSON out, under /v1. The server knows resources, not what is
// behind them: each is a function that runs on an HTTP thread and may only read what was published
// or wait, for a bounded time, for the event loop's answer (api/resources.h). Every body carries
// "schema_version"; an error is {"error": what, "hint": what to do}. Who may connect is the
// socket's file mode: owner and group.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace detour::api {

// Of every JSON document that detour gives; raised when a reader of the old form would misread the
// new.
inline constexpr int schema_version = 1;

struct Request {
    std::map<std::string, std::string> query;  // the last of equal names
    nlohmann::json body;                       // POST; null when there is none

    // The value of a query parameter, empty when it is not there.
    [[nodiscard]] std::string_view parameter(const std::string& name) const;
    // The same as a whole number, `otherwise` when it is not there; nothing if it is none.
    [[nodiscard]] std::optional<std::uint64_t> number(const std::string& name,
                                                      std::uint64_t otherwise) const;
};

struct Response {
    int status = 200;
    nlohmann::json body = nlohmann::json::object();
};

[[nodiscard]] Response failure(int status, std::string error, std::string hint = {});

struct Resource {
    enum class Method { get, post };

    Method method = Method::get;
    std::string path;  // "/v1/status"
    std::function<Response(const Request&)> answer;
};

class Server {
 public:
    // Listens at once and serves on threads of its own. A socket file that nobody listens on any
    // more is replaced; one that answers is an error. The error is a sentence that says what to do.
    [[nodiscard]] static std::expected<std::unique_ptr<Server>, std::string> open(
        const std::filesystem::path& socket, std::vector<Resource> resources);
    // Ends the threads and removes the socket file.
    ~Server();
    Server(const Server&) = delete;
    Server& operator=(const Server&) = delete;

 private:
    struct Implementation;
    explicit Server(std::unique_ptr<Implementation> implementation);
    std::unique_ptr<Implementation> implementation_;
};

}  // namespace detour::api
