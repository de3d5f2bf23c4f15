// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "controlplane/kernel/reconciler.h"

#include <linux/rtnetlink.h>
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <ranges>

#include "controlplane/kernel/plan/apply.h"

namespace detour::kernel {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

constexpr int monitor_buffer = 128 << 20;
constexpr int answer_buffer = 4 << 20;
// Operations a turn of the event loop: about 5 ms.
constexpr std::size_t turn_size = 512;

constexpr Duration audit_interval = seconds(60);
constexpr Duration first_retry = milliseconds(20);
constexpr Duration last_retry = seconds(5);
// Somebody who undoes our repairs again and again is met ever more slowly, not at full speed.
constexpr Duration first_repair_delay = milliseconds(10);
constexpr Duration last_repair_delay = seconds(1);
constexpr Duration repair_peace = seconds(10);

const std::filesystem::path settings_root = "/proc/sys";

// How often the kernel may refuse before it is worth a word. Right after a link event next hops are
// refused until their connected route has settled.
int patience(int code) {
    switch (code) {
        case ENETDOWN:
        case ENETUNREACH:
        case EHOSTUNREACH:
        case ENODEV:
        case ENOENT:
        case EINVAL:
            return 4;
        case EEXIST:  // our picture was behind
            return 2;
        default:
            return 1;
    }
}

bool is_asked_for(Cause cause) {
    return cause == Cause::configuration || cause == Cause::move || cause == Cause::retry;
}

void sooner(std::optional<Instant>& deadline, const std::optional<Instant>& other) {
    if (other && (!deadline || *other < *deadline))
        deadline = other;
}

}  // namespace

Reconciler::Reconciler(Socket monitor, Socket dump, Socket writer)
    : monitor_(std::move(monitor)),
      dump_(std::move(dump)),
      writer_(std::move(writer)),
      retry_delay_(first_retry) {}

std::expected<std::unique_ptr<Reconciler>, KernelError> Reconciler::open() {
    constexpr std::array<unsigned, 9> groups{
        RTNLGRP_LINK,       RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR,
        RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,  RTNLGRP_IPV4_RULE,
        RTNLGRP_IPV6_RULE,  RTNLGRP_NEXTHOP,     RTNLGRP_NEIGH};
    auto monitor = Socket::open(groups, monitor_buffer);
    if (!monitor)
        return std::unexpected(monitor.error());
    if (auto filtered = monitor->attach_own_routes_filter(); !filtered)
        return std::unexpected(filtered.error());
    auto dump = Socket::open({}, answer_buffer);
    if (!dump)
        return std::unexpected(dump.error());
    auto writer = Socket::open({}, answer_buffer);
    if (!writer)
        return std::unexpected(writer.error());
    return std::unique_ptr<Reconciler>(
        new Reconciler(std::move(*monitor), std::move(*dump), std::move(*writer)));
}

void Reconciler::begin(Instant now) {
    now_ = now;
    entered_ = std::chrono::steady_clock::now();
    outputs_.clear();
    concern_.reset();
    is_changed_ = false;
}

Instant Reconciler::at() const {
    return now_ + (std::chrono::steady_clock::now() - entered_);
}

Outputs Reconciler::end() {
    if (concern_) {
        reconcile(*concern_);
        need_dump(*concern_);
    }
    observe();
    return std::move(outputs_);
}

Outputs Reconciler::configure(Instant now, std::shared_ptr<const model::Config> config,
                              plan::Placement placement) {
    begin(now);
    if (!config_)
        for (SysctlFault& fault : apply_sysctls(general_sysctls(), settings_root))
            outputs_.emplace_back(SettingMissing{std::move(fault)});
    config_ = std::move(config);
    placement_ = std::move(placement);
    facts_.want(now, *config_, placement_);
    if (has_picture_)
        reconcile(Cause::configuration);
    else
        need_dump(Cause::configuration);
    return end();
}

Outputs Reconciler::place(Instant now, plan::Placement placement) {
    begin(now);
    placement_ = std::move(placement);
    if (config_) {
        facts_.want(now, *config_, placement_);
        move();
    }
    return end();
}

Outputs Reconciler::on_readable(Instant now) {
    begin(now);
    drain_notices();
    // What the dump has seen so far may be older than what we just heard.
    if (is_changed_ && dump_.is_running())
        need_dump(*dump_cause_);
    read_dump();
    return end();
}

std::optional<Instant> Reconciler::next_deadline() const {
    if (!queue_.empty() || is_whole_due_)
        return now_;
    std::optional<Instant> deadline = audit_due_;
    sooner(deadline, retry_due_);
    sooner(deadline, repair_due_);
    return deadline;
}

Outputs Reconciler::on_time(Instant now) {
    begin(now);
    if (is_whole_due_)
        reconcile(Cause::move);
    else if (!queue_.empty())
        run_queue();
    if (repair_due_ && now >= *repair_due_) {
        repair_due_.reset();
        reconcile(Cause::interference);
    }
    if (retry_due_ && now >= *retry_due_) {
        retry_due_.reset();
        need_dump(Cause::retry);
    }
    if (audit_due_ && now >= *audit_due_) {
        audit_due_ = now + audit_interval;
        need_dump(Cause::audit);
    }
    return end();
}

// A dump that runs already starts again: what made this one necessary may be newer.
void Reconciler::need_dump(Cause cause) {
    if (!dump_cause_ || *dump_cause_ == Cause::audit || *dump_cause_ == Cause::retry)
        dump_cause_ = cause;
    if (auto started = dump_.start(); !started)
        falter(started.error());
}

void Reconciler::read_dump() {
    if (!dump_.is_running())
        return;
    auto picture = dump_.on_readable();
    if (!picture)
        falter(picture.error());
    else if (*picture)
        take_picture(std::move(**picture));
}

void Reconciler::take_picture(Picture picture) {
    ++counters_.dumps;
    actual_ = std::move(picture.actual);
    has_picture_ = true;
    audit_due_ = now_ + audit_interval;
    for (const auto& [index, link] : actual_.links)
        if (link.is_up)
            raised_.insert(index);
    for (const Neighbour& neighbour : picture.neighbours)
        facts_.note(neighbour, Presence::present);
    const Cause cause = dump_cause_.value_or(Cause::audit);
    dump_cause_.reset();
    reconcile(cause);
}

bool Reconciler::is_postponed(Cause cause) {
    if (cause != Cause::interference)
        return false;
    if (at() - last_repair_ > repair_peace)
        repair_delay_ = {};
    if (at() - last_repair_ >= repair_delay_)
        return false;
    repair_due_ = last_repair_ + repair_delay_;
    return true;
}

void Reconciler::reconcile(Cause cause) {
    if (!config_ || !has_picture_ || is_postponed(cause))
        return;
    is_whole_due_ = false;
    desired_ = plan::desired(*config_, placement_, actual_.links);
    prepare_devices();
    plan::Difference difference = plan::diff(desired_, actual_);
    report(difference.conflicts);
    leave_lowered_links(difference.operations);

    const std::size_t count = difference.operations.size();
    if (cause == Cause::audit) {
        ++counters_.audits;
        counters_.audit_differences += count;
        outputs_.emplace_back(Audited{count});
    }
    if (count != 0 && !is_asked_for(cause)) {
        counters_.repairs += count;
        outputs_.emplace_back(Repaired{cause, count});
    }
    if (count != 0 && cause == Cause::interference) {
        repair_delay_ = std::clamp(repair_delay_ * 2, first_repair_delay, last_repair_delay);
        last_repair_ = at();
    }
    if (cause == Cause::link)
        retry_delay_ = first_retry;
    queue_.assign(std::make_move_iterator(difference.operations.begin()),
                  std::make_move_iterator(difference.operations.end()));
    is_refused_ = false;
    run_queue();
}

void Reconciler::move() {
    if (!has_picture_)
        return;
    const plan::Desired part = plan::ways_out(*config_, placement_, actual_.links);
    plan::Difference difference = plan::diff(part, actual_, plan::Extent::part);
    // What was queued is of an older placement; the whole comparison brings back the rest of it.
    queue_.assign(std::make_move_iterator(difference.operations.begin()),
                  std::make_move_iterator(difference.operations.end()));
    for (const auto& [id, nexthop] : part.nexthops)
        desired_.nexthops.insert_or_assign(id, nexthop);
    for (const auto& [key, way] : part.routes)
        desired_.routes.insert_or_assign(key, way);
    is_whole_due_ = true;
    is_refused_ = false;
    run_queue();
}

void Reconciler::prepare_devices() {
    for (const auto& [name, goal] : desired_.links)
        if (goal.index.value != 0 && prepared_.insert(goal.index).second)
            for (SysctlFault& fault : apply_sysctls(device_sysctls(name), settings_root))
                outputs_.emplace_back(SettingMissing{std::move(fault)});
}

void Reconciler::leave_lowered_links(std::vector<plan::Operation>& operations) {
    std::erase_if(operations, [&](plan::Operation& operation) {
        auto* change = std::get_if<plan::LinkChange>(&operation.object);
        if (change == nullptr || !raised_.contains(change->index))
            return false;
        change->raise = plan::LinkChange::Raise::no;
        return !change->group && !change->mtu;
    });
}

void Reconciler::report(const std::vector<plan::Conflict>& conflicts) {
    std::set<plan::Conflict> found(conflicts.begin(), conflicts.end());
    for (const plan::Conflict& conflict : found)
        if (!conflicts_.contains(conflict))
            outputs_.emplace_back(ConflictFound{conflict});
    conflicts_ = std::move(found);
}

void Reconciler::run_queue() {
    if (!queue_.empty()) {
        const auto count =
            static_cast<std::ptrdiff_t>(std::min<std::size_t>(turn_size, queue_.size()));
        const std::vector<plan::Operation> turn(queue_.begin(), queue_.begin() + count);
        queue_.erase(queue_.begin(), queue_.begin() + count);
        const auto answers = writer_.run(turn);
        if (!answers) {
            queue_.clear();
            falter(answers.error());
            return;
        }
        for (std::size_t i = 0; i < turn.size(); ++i)
            settle(turn[i], (*answers)[i]);
        // What it has seen so far is older than what we did.
        if (dump_.is_running())
            need_dump(*dump_cause_);
    }
    if (!queue_.empty())
        return;
    if (is_refused_)
        schedule_retry();
    else
        retry_delay_ = first_retry;
}

void Reconciler::settle(const plan::Operation& operation, const Answer& answer) {
    if (answer.code == 0) {
        ++counters_.operations;
        plan::apply(actual_, operation);
        if (const auto* change = std::get_if<plan::LinkChange>(&operation.object))
            if (change->raise == plan::LinkChange::Raise::yes)
                raised_.insert(change->index);
        if (!refusals_.empty())
            refusals_.erase(plan::to_string(operation));
        return;
    }
    ++counters_.refusals;
    is_refused_ = true;
    std::string text = plan::to_string(operation);
    Refusal& refusal = refusals_[text];
    refusal.count = refusal.code == answer.code ? refusal.count + 1 : 1;
    refusal.code = answer.code;
    if (refusal.count == patience(answer.code))
        outputs_.emplace_back(Refused{std::move(text), answer.message});
}

void Reconciler::schedule_retry() {
    retry_due_ = at() + retry_delay_;
    retry_delay_ = std::min(retry_delay_ * 2, last_retry);
}

// What the kernel holds is unknown: look again, soon.
void Reconciler::falter(const KernelError& error) {
    outputs_.emplace_back(Faltered{error});
    schedule_retry();
}

void Reconciler::observe() {
    if (!has_picture_ || !config_)
        return;
    // A refusal that may still pass is not worth alarming anybody.
    const bool is_settled = queue_.empty() && (!is_refused_ || retry_delay_ > 8 * first_retry);
    Outputs facts =
        facts_.observe(at(), desired_, actual_,
                       is_settled ? Facts::Progress::settled : Facts::Progress::outstanding);
    std::ranges::move(facts, std::back_inserter(outputs_));
}

std::expected<Picture, KernelError> Reconciler::wait_for_picture() {
    if (auto started = dump_.start(); !started)
        return std::unexpected(started.error());
    for (;;) {
        pollfd waiting{dump_.fd(), POLLIN, 0};
        if (poll(&waiting, 1, 500) == 0)
            return std::unexpected(KernelError{ETIMEDOUT, "the kernel does not answer a dump"});
        auto picture = dump_.on_readable();
        if (!picture)
            return std::unexpected(picture.error());
        if (*picture)
            return std::move(**picture);
    }
}

Outputs Reconciler::remove_all(Instant now) {
    begin(now);
    queue_.clear();
    config_.reset();
    placement_ = {};
    desired_ = {};
    has_picture_ = false;
    dump_cause_.reset();
    audit_due_.reset();
    retry_due_.reset();
    repair_due_.reset();
    is_whole_due_ = false;
    // Each removal can take others with it, so the dump has the last word.
    constexpr int rounds = 4;
    for (int round = 0; round < rounds; ++round) {
        const auto picture = wait_for_picture();
        if (!picture) {
            outputs_.emplace_back(Faltered{picture.error()});
            break;
        }
        const auto operations = plan::diff({}, picture->actual).operations;
        if (operations.empty())
            break;
        const auto answers = writer_.run(operations);
        if (!answers) {
            outputs_.emplace_back(Faltered{answers.error()});
            break;
        }
        for (std::size_t i = 0; i < operations.size(); ++i) {
            if ((*answers)[i].code == 0)
                ++counters_.operations;
            else if (round + 1 == rounds)
                outputs_.emplace_back(
                    Refused{plan::to_string(operations[i]), (*answers)[i].message});
        }
    }
    actual_ = {};
    prepared_.clear();
    raised_.clear();
    return std::move(outputs_);
}

}  // namespace detour::kernel
