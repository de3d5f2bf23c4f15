// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Reads the forwarding counters of every (uplink, prefix set, family) from the data plane's
// telemetry at the interval that the controller asks for. A reading that fails is told as such:
// silence is evidence too.
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "conf/model/config.h"
#include "controlplane/controller/input.h"
#include "controlplane/io/telemetry_client.h"

namespace detour::daemon {

class CounterReader {
 public:
    using Handler = std::function<void(controller::CountersRead)>;

    CounterReader(asio::io_context& loop, std::shared_ptr<const model::Config> config,
                  std::filesystem::path socket, Handler handler);

    // Answers are read by this configuration from now on, also those that are under way.
    void use(std::shared_ptr<const model::Config> config) { config_ = std::move(config); }

    // The first reading is due at once; later calls change the pace.
    void read_every(Duration interval);

 private:
    void read();
    void ask(std::size_t first, std::vector<decision::Counters> so_far);
    void finish(std::optional<std::vector<decision::Counters>> counters);

    std::shared_ptr<const model::Config> config_;
    io::TelemetryClient client_;
    asio::steady_timer timer_;
    Handler handler_;
    Duration interval_{};
    enum class Activity { stopped, waiting, reading } activity_ = Activity::stopped;
};

// One page of /detour/sets. Rows that name what is not configured (a data plane that runs another
// revision) are passed over.
struct CounterPage {
    std::vector<decision::Counters> counters;
    std::optional<std::size_t> next;  // first entry of the page behind it
};
[[nodiscard]] std::optional<CounterPage> parse_counters(std::string_view answer,
                                                        const model::Config& config);

}  // namespace detour::daemon
