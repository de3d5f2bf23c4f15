// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Where another configuration comes into force: reload, apply, confirm, rollback. One order for
// all of them, so that an error anywhere keeps the old one whole:
//
//     read and judge the text  ->  keys of the sessions  ->  revision on disk
//         ->  the data plane takes it, or refuses  ->  the control plane takes it  ->  it stands
//
// An apply may be a trial: unless it is confirmed in time, the revision before it comes back, by
// the same way, whatever became of the operator's connection. What a running data plane cannot take
// (model::Restart) is refused unless the wish says that it will be started anew. An uplink by which
// something leaves is not taken away: it would be withdrawn there before it is known to arrive
// elsewhere, and a move does that in the right order.
//
// What the configuration gives for a time only (conf/model/overrides.h) ends here too: the same
// revision, with its own values back, comes into force by itself. The data plane is not asked:
// nothing of that is its business.
//
// The event loop's thread only. Texts in answers are for people, field names for programs
// (api/resources.h).
#pragma once

#include <asio/io_context.hpp>
#include <asio/steady_timer.hpp>
#include <cstdint>
#include <expected>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "conf/model/config.h"
#include "conf/model/diff.h"
#include "conf/program/options.h"
#include "conf/revision/choice.h"
#include "controlplane/api/server.h"
#include "controlplane/controller/options.h"
#include "controlplane/controller/record.h"
#include "controlplane/daemon/dataplane_link.h"

namespace detour::daemon {

// The first line of each password file.
[[nodiscard]] std::expected<controller::Passwords, std::string> read_passwords(
    const model::Config& config);

class ConfigDesk {
 public:
    struct Handlers {
        // Puts it in force, whole and at once.
        std::function<void(std::shared_ptr<const model::Config>, controller::Passwords,
                           controller::Reconfigured)>
            adopt;
        // The blocks that leave by an uplink, or are on their way there: "mail/ipv4".
        std::function<std::vector<std::string>(UplinkId)> carried;
        std::function<void(const std::string&)> say;
        std::function<void(const std::string&)> warn;
    };
    using Answer = std::function<void(api::Response)>;

    // `choice` is what detourd started with, `passwords` its keys.
    ConfigDesk(asio::io_context& loop, const program::Options& options, revision::Choice choice,
               controller::Passwords passwords, Handlers handlers);

    // Writes down what runs: the first revision, one that was edited while detourd was away, or
    // the return from a trial that nobody confirmed.
    void begin();
    void stop();

    // The body of POST /v1/config. The answer comes once, now or later.
    void ask(const nlohmann::json& wish, const Answer& answer);
    // SIGHUP.
    void reload();

    // For GET /v1/config and for the status: what runs, where, and the trial under way; not its
    // text.
    [[nodiscard]] nlohmann::json document() const;
    [[nodiscard]] nlohmann::json summary() const;
    [[nodiscard]] const std::string& text() const { return text_; }

 private:
    static constexpr const char* own_actor = "detourd";  // of what it does by itself

    struct Wish {
        revision::Kind kind = revision::Kind::reload;
        std::string actor;
        std::string reason;
        std::optional<revision::Number> of;  // rollback: whose text
        std::optional<Duration> trial;       // apply
        std::string set_aside;               // rollback: the file's digest
        bool accepts_restart = false;
        bool ends_trial = false;  // that nobody confirmed: it ends all the same
    };
    // Everything about a change that was judged and may be made.
    struct Prepared {
        Wish wish;
        std::string text;
        std::shared_ptr<const model::Config> config;
        model::Difference difference;
        controller::Passwords passwords;
        revision::Revision revision;
    };

    void apply(const nlohmann::json& wish, Wish change, const Answer& answer);
    void confirm(const nlohmann::json& wish, const Answer& answer);
    void rollback(Wish change, const Answer& answer);
    void change(std::string text, Wish wish, const Answer& answer);
    [[nodiscard]] std::expected<Prepared, api::Response> prepare(std::string text, Wish wish) const;
    [[nodiscard]] std::string needed_uplink(const model::Config& next) const;
    void finish(const std::shared_ptr<Prepared>& prepared, const Answer& answer,
                const DataplaneLink::Taken& taken);
    void settle(const Prepared& prepared);
    void start_trial(Duration length);
    void end_trial_in(Duration time);
    void give_up_trial();
    void follow_time();
    void end_overrides(WallTime now);
    [[nodiscard]] std::optional<std::string> trial_text() const;

    program::Options options_;
    revision::Store store_;
    Handlers handlers_;
    asio::steady_timer trial_timer_;
    asio::steady_timer override_timer_;
    DataplaneLink dataplane_;

    std::shared_ptr<const model::Config> running_;
    std::string text_;
    controller::Passwords passwords_;
    revision::Revision revision_;
    revision::Standing standing_;
    std::string start_notice_;
    bool is_busy_ = false;  // a change waits for the data plane
};

}  // namespace detour::daemon
