// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/daemon/command_desk.h"

#include <doctest/doctest.h>

#include <asio/executor_work_guard.hpp>
#include <thread>

#include "conf/model/load.h"

using namespace detour;
using nlohmann::json;

namespace {

// A loop on a thread of its own, as in detourd.
class Loop {
 public:
    Loop() : thread_([this] { loop.run(); }) {}
    ~Loop() {
        loop.stop();
        thread_.join();
    }
    Loop(const Loop&) = delete;
    Loop& operator=(const Loop&) = delete;

    asio::io_context loop;

 private:
    asio::executor_work_guard<asio::io_context::executor_type> work_ = asio::make_work_guard(loop);
    std::thread thread_;
};

}  // namespace

TEST_CASE("a field of another type is the sender's fault, whoever reads it, and ends nothing") {
    Loop running;
    const auto read = [](const json& wish) {
        return api::Response{200, {{"actor", wish.value("actor", "")}}};
    };
    const auto config = std::make_shared<const model::Config>(
        *model::load(SOURCE_DIR "/conf/examples/two-provider.yaml", {}));
    daemon::CommandDesk desk(
        running.loop,
        {.config = [config] { return config; },
         .handle = [](const controller::Command&) {},
         .configure = [read](const json& wish, const auto& answer) { answer(read(wish)); },
         .log_level = [read](const json& wish, const auto& answer) { answer(read(wish)); }});
    const json wrong{{"actor", 5}};
    CHECK(desk.configure(wrong).status == 422);
    CHECK(desk.log_level(wrong).status == 422);
    CHECK(desk.ask([&] { return read(wrong); }).status == 422);
    const std::string set = config->prefix_sets.front().name;
    CHECK(desk.submit({{"verb", "failback"}, {"set", set}, {"now", "soon"}}).status == 409);
    CHECK(desk.configure({{"actor", "anna"}}).status == 200);
}
