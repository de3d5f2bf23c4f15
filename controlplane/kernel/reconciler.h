// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Keeps the kernel of this network namespace as plan::desired() says, for as long as it runs: takes
// what is there (a predecessor's objects are adopted unchanged), brings it to what should be, and
// repairs whatever drifts, be it flushed silently with a link, deleted by somebody else, or lost
// while notifications overran. Objects without our protocol number are never touched.
//
// Called by the event loop's thread only. It wants on_readable() when one of fds() is readable and
// on_time() at next_deadline(). A call sends at most a few hundred operations (a few milliseconds)
// and asks to be called again for the rest; the group of a move is always among the first.
//
// An interface that appears is set up once. One that an administrator takes down afterwards stays
// down: that is a fact to report, not a difference to repair.
#pragma once

#include <array>
#include <chrono>
#include <deque>
#include <expected>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>

#include "conf/model/config.h"
#include "conf/types/duration.h"
#include "controlplane/kernel/dump.h"
#include "controlplane/kernel/facts.h"
#include "controlplane/kernel/outputs.h"
#include "controlplane/kernel/writer.h"

namespace detour::kernel {

// Since the start.
struct Counters {
    std::uint64_t operations = 0;  // acknowledged
    std::uint64_t refusals = 0;
    std::uint64_t dumps = 0;
    std::uint64_t audits = 0;
    std::uint64_t audit_differences = 0;
    std::uint64_t repairs = 0;  // operations nobody asked for
    std::uint64_t overruns = 0;
};

class Reconciler {
 public:
    // Needs CAP_NET_ADMIN. Nothing is read or written before configure().
    [[nodiscard]] static std::expected<std::unique_ptr<Reconciler>, KernelError> open();

    // A configuration and where its sets are. The first call starts with a dump.
    [[nodiscard]] Outputs configure(Instant now, std::shared_ptr<const model::Config> config,
                                    plan::Placement placement);
    // A move: next hops, groups and defaults of both families in one batch, before the call
    // returns; in about 0.2 ms, however many prefixes there are. The rest is looked at in a turn of
    // its own.
    [[nodiscard]] Outputs place(Instant now, plan::Placement placement);

    [[nodiscard]] std::array<int, 2> fds() const { return {monitor_.fd(), dump_.fd()}; }
    [[nodiscard]] Outputs on_readable(Instant now);
    [[nodiscard]] std::optional<Instant> next_deadline() const;
    [[nodiscard]] Outputs on_time(Instant now);

    // The clean stop: removes everything that bears our protocol, and waits until it is gone (some
    // milliseconds; two seconds at most). Without it all stays, for the next start to adopt. Only
    // configure() may be called afterwards.
    [[nodiscard]] Outputs remove_all(Instant now);

    // Nothing is under way: the kernel is as it should be, or waits for a link.
    [[nodiscard]] bool is_settled() const {
        return has_picture_ && queue_.empty() && !dump_.is_running() && !is_whole_due_ &&
               !retry_due_ && !repair_due_;
    }
    [[nodiscard]] const Counters& counters() const { return counters_; }
    // The kernel as we see it; empty before the first dump is complete.
    [[nodiscard]] const plan::Actual& actual() const { return actual_; }

 private:
    struct Refusal {
        int code = 0;
        int count = 0;
    };

    Reconciler(Socket monitor, Socket dump, Socket writer);

    void begin(Instant now);
    Outputs end();

    void drain_notices();
    void note(const Notice& notice);
    void note_link(const plan::Link& link, Presence presence);
    void note_address(const Notice::Address& address, Presence presence);
    void note_rule(const Notice::Rule& rule, Presence presence);
    void note_nexthop(const plan::Nexthop& nexthop, Presence presence);
    void note_route(const plan::Route& route, Presence presence);
    void concern(Cause cause);

    void need_dump(Cause cause);
    void read_dump();
    void take_picture(Picture picture);
    [[nodiscard]] std::expected<Picture, KernelError> wait_for_picture();

    void reconcile(Cause cause);
    void move();
    [[nodiscard]] bool is_postponed(Cause cause);
    void prepare_devices();
    void leave_lowered_links(std::vector<plan::Operation>& operations);
    void report(const std::vector<plan::Conflict>& conflicts);
    void run_queue();
    void settle(const plan::Operation& operation, const Answer& answer);
    void schedule_retry();
    void falter(const KernelError& error);
    void observe();

    [[nodiscard]] Instant at() const;

    Socket monitor_;
    Dump dump_;
    Writer writer_;

    std::shared_ptr<const model::Config> config_;
    plan::Placement placement_;
    plan::Desired desired_;
    plan::Actual actual_;
    bool has_picture_ = false;
    Facts facts_;

    std::deque<plan::Operation> queue_;
    std::set<InterfaceIndex> prepared_;  // got their settings
    std::set<InterfaceIndex> raised_;    // have been up: from now on their own master's
    std::map<std::string, Refusal> refusals_;
    std::set<plan::Conflict> conflicts_;

    // While a call runs.
    Instant now_;
    std::chrono::steady_clock::time_point entered_;
    Outputs outputs_;
    std::optional<Cause> concern_;
    bool is_changed_ = false;  // a notification has changed the picture

    bool is_refused_ = false;          // something of the last run, since the retry began
    std::optional<Cause> dump_cause_;  // why a dump runs
    bool is_whole_due_ = false;        // a move was made: compare everything
    std::optional<Instant> audit_due_;
    std::optional<Instant> retry_due_;
    std::optional<Instant> repair_due_;
    Duration retry_delay_;
    Duration repair_delay_{};
    Instant last_repair_;
    Counters counters_;
};

}  // namespace detour::kernel
