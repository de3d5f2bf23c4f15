// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// detour capture PORT|TUNNEL [FILTER]: what the fast path sees, both directions, as lines or as a
// pcapng file. Bounded by time, packets and bytes, whichever comes first.
#include <fmt/chrono.h>
#include <fmt/format.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <memory>
#include <utility>

#include "conf/model/load.h"
#include "conf/program/version.h"
#include "tools/detour/capture_stream.h"
#include "tools/detour/columns.h"
#include "tools/detour/daemon_reply.h"
#include "tools/detour/packet_line.h"
#include "tools/detour/pcapng.h"
#include "tools/detour/terminal.h"
#include "tools/detour/verb.h"

namespace detour::command {
namespace {

using nlohmann::ordered_json;
using program::capture::Direction;
using program::capture::End;
using program::capture::LinkType;
using program::capture::Record;
using program::capture::TapCount;

struct Wish {
    std::string names;
    std::vector<std::string> filter;
    std::string file;
    std::uint32_t seconds = 30;
    std::uint64_t count = 100'000;
    std::uint64_t megabytes = 100;
    std::uint32_t snap = program::capture::max_snap;
};

volatile sig_atomic_t was_interrupted = 0;

void on_signal(int) {
    was_interrupted = 1;
}

// Ctrl-C ends the capture and not the command: its file gets its end.
void catch_interrupts() {
    struct sigaction action {};
    action.sa_handler = on_signal;  // without SA_RESTART: a read returns
    ::sigaction(SIGINT, &action, nullptr);
    ::sigaction(SIGTERM, &action, nullptr);
    ::sigaction(SIGPIPE, &action, nullptr);
}

int refuse(const std::string& message, Output output) {
    return fail({ClientError::Kind::refused, message, {}}, output);
}

std::string joined(const std::vector<std::string>& words) {
    return fmt::format("{}", fmt::join(words, " "));
}

std::vector<std::string> split(const std::string& names) {
    std::vector<std::string> list;
    for (std::size_t from = 0; from <= names.size();) {
        const std::size_t to = std::min(names.find(',', from), names.size());
        list.push_back(names.substr(from, to - from));
        from = to + 1;
    }
    return list;
}

std::expected<std::vector<TapWish>, std::string> taps_of(const model::Config& config,
                                                         const Wish& wish) {
    std::vector<TapWish> taps;
    for (const std::string& name : split(wish.names)) {
        const model::Uplink* const uplink = config.find_uplink(name);
        const bool is_tunnel = uplink != nullptr && uplink->underlay;
        if (config.find_port(name) == nullptr && uplink == nullptr)
            return std::unexpected(fmt::format(
                "there is no port and no tunnel {:?}; detour ports and detour tunnels list them",
                name));
        TapWish tap{
            .name = name, .link_type = is_tunnel ? LinkType::ip : LinkType::ethernet, .filter = {}};
        if (uplink != nullptr && !is_tunnel)
            tap.name = config.port(uplink->port).name;
        auto filter = compile_filter(joined(wish.filter), tap.link_type);
        if (!filter)
            return std::unexpected(
                fmt::format("filter {:?}: {}", joined(wish.filter), filter.error()));
        tap.filter = std::move(*filter);
        taps.push_back(std::move(tap));
    }
    if (taps.size() > program::capture::max_tap_count)
        return std::unexpected(fmt::format("at most {} at once", program::capture::max_tap_count));
    return taps;
}

// A typing error must not cost a file that is something else.
std::string problem_with(const std::string& file) {
    std::ifstream old(file, std::ios::binary);
    if (!old)
        return "";
    std::string start(pcapng::magic.size(), '\0');
    old.read(start.data(), static_cast<std::streamsize>(start.size()));
    const bool is_empty = old.gcount() == 0;
    return is_empty || start == pcapng::magic
               ? ""
               : fmt::format("{} exists and is no capture: nothing was written", file);
}

// Where packets go: a pcapng file, or lines on stdout.
class Sink {
 public:
    Sink(const Wish& wish, const std::vector<TapWish>& taps, Clock clock)
        : wish_(wish), taps_(taps), clock_(clock) {}
    ~Sink() {
        if (file_ != nullptr && file_ != stdout)
            std::fclose(file_);
    }
    Sink(const Sink&) = delete;
    Sink& operator=(const Sink&) = delete;

    // Empty, or what is wrong.
    std::string open() {
        if (wish_.file.empty())
            return "";
        if (wish_.file == "-") {
            file_ = stdout;
        } else {
            if (std::string problem = problem_with(wish_.file); !problem.empty())
                return problem;
            file_ = std::fopen(wish_.file.c_str(), "wbe");
            if (file_ == nullptr)
                return fmt::format("cannot write {}: {}", wish_.file, std::strerror(errno));
        }
        pcapng::append_section(pending_, program::version_line("detour"));
        for (const TapWish& tap : taps_)
            pcapng::append_interface(pending_,
                                     {tap.name, tap.link_type, wish_.snap, joined(wish_.filter)});
        return flush() ? "" : fmt::format("cannot write {}", wish_.file);
    }

    void take(const Record& record, std::span<const std::uint8_t> bytes) {
        if (is_full() || record.tap >= taps_.size())
            return;
        ++count_;
        last_time_ = record.time;
        if (file_ == nullptr)
            return print(record, bytes);
        pcapng::append_packet(pending_,
                              {record.tap, record.time, record.direction, record.original, bytes});
    }

    // After each piece of the stream; false when nothing can be written any more.
    bool flush() {
        if (file_ == nullptr)
            return std::fflush(stdout) == 0;
        written_ += pending_.size();
        const bool is_done =
            std::fwrite(pending_.data(), 1, pending_.size(), file_) == pending_.size() &&
            std::fflush(file_) == 0;
        pending_.clear();
        return is_done;
    }

    bool finish(const std::vector<TapCount>& counts) {
        if (file_ != nullptr)
            for (std::size_t i = 0; i < counts.size(); ++i)
                pcapng::append_counts(pending_, static_cast<std::uint32_t>(i), last_time_,
                                      counts[i]);
        return flush();
    }

    [[nodiscard]] bool is_full() const {
        return count_ >= wish_.count || written_ + pending_.size() >= wish_.megabytes * 1'000'000;
    }
    [[nodiscard]] std::uint64_t count() const { return count_; }
    [[nodiscard]] std::uint64_t written() const { return written_; }

 private:
    void print(const Record& record, std::span<const std::uint8_t> bytes) {
        const auto seconds = static_cast<std::time_t>(record.time / 1'000'000'000);
        const bool is_in = record.direction == Direction::in;
        const bool is_utc = clock_ == Clock::utc;
        const std::string text = fmt::format(
            "{:%H:%M:%S}.{:06}{} {} {} {}\n",
            is_utc ? fmt::gmtime(seconds) : fmt::localtime(seconds),
            record.time % 1'000'000'000 / 1000, is_utc ? "Z" : "", taps_[record.tap].name,
            is_in ? "in " : "out", packet_line(bytes, taps_[record.tap].link_type));
        written_ += text.size();
        fmt::print("{}", text);
    }

    const Wish& wish_;
    const std::vector<TapWish>& taps_;
    const Clock clock_;
    std::FILE* file_ = nullptr;
    std::string pending_;
    std::uint64_t written_ = 0;
    std::uint64_t count_ = 0;
    std::uint64_t last_time_ = 0;
};

std::string reason_of(const CaptureStream::Ended& ended, const Sink& sink) {
    if (!ended.is_whole)
        return "the data plane ended";
    if (ended.end == End::stopping)
        return "the data plane was stopped";
    if (sink.is_full())
        return "as many packets or bytes as were wanted";
    return ended.end == End::time ? "its time was up" : "as asked";
}

void report(const Context& context, const Wish& wish, const std::vector<TapWish>& taps,
            const Sink& sink, const CaptureStream::Ended& ended) {
    auto list = ordered_json::array();
    std::string caution;
    for (std::size_t i = 0; i < std::min(taps.size(), ended.counts.size()); ++i) {
        const TapCount& count = ended.counts[i];
        list.push_back({{"name", taps[i].name},
                        {"seen", count.seen},
                        {"matched", count.matched},
                        {"lost", count.lost},
                        {"skipped", count.skipped}});
        if (count.lost + count.skipped != 0)
            caution += fmt::format(
                "{}: {} of {} packets are not in it ({} came faster than they could be written, {} "
                "were not looked at so that forwarding kept its time): a narrower filter helps\n",
                taps[i].name, grouped(count.lost + count.skipped), grouped(count.seen),
                grouped(count.lost), grouped(count.skipped));
    }
    const std::string reason = reason_of(ended, sink);
    if (context.output == Output::json && wish.file != "-" && !wish.file.empty()) {
        fmt::print("{}\n", ordered_json{{"schema_version", schema_version},
                                        {"file", wish.file},
                                        {"packets", sink.count()},
                                        {"bytes", sink.written()},
                                        {"ended", reason},
                                        {"taps", std::move(list)}}
                               .dump(2));
        return;
    }
    const bool is_file = !wish.file.empty() && wish.file != "-";
    fmt::print(stderr, "{}{} packets{}; ended: {}\n{}", is_file ? wish.file + ": " : "",
               grouped(sink.count()),
               is_file ? fmt::format(", {}", bytes_text(sink.written())) : "", reason, caution);
}

int capture(const Context& context, const Wish& wish) {
    const auto config = model::load(context.options.config_file, std::chrono::system_clock::now());
    if (!config)
        return refuse(fmt::format("{} has errors: detour check says which",
                                  context.options.config_file.string()),
                      context.output);
    if (config->dataplane.kind == model::DataplaneKind::kernel)
        return refuse(fmt::format("in kind kernel the kernel forwards, and tcpdump sees it: "
                                  "tcpdump -ni INTERFACE -w FILE {}",
                                  joined(wish.filter)),
                      context.output);
    const auto taps = taps_of(*config, wish);
    if (!taps)
        return refuse(taps.error(), context.output);
    Sink sink(wish, *taps, context.clock);
    if (const std::string problem = sink.open(); !problem.empty())
        return refuse(problem, context.output);
    catch_interrupts();
    auto stream =
        CaptureStream::open(context.options.run().capture_socket(), *taps, wish.snap, wish.seconds);
    if (!stream)
        return fail(stream.error(), context.output);
    bool is_asked_to_end = false;
    for (auto step = CaptureStream::Step::more; step != CaptureStream::Step::ended;) {
        step = stream->read([&](const Record& record, std::span<const std::uint8_t> bytes) {
            sink.take(record, bytes);
        });
        const bool is_broken = !sink.flush();
        if ((is_broken || was_interrupted != 0 || sink.is_full()) &&
            !std::exchange(is_asked_to_end, true))
            stream->finish();
    }
    const bool is_written = sink.finish(stream->ended().counts);
    report(context, wish, *taps, sink, stream->ended());
    if (!is_written)
        return refuse("the output could not be written to its end", context.output);
    return stream->ended().is_whole ? 0 : 1;
}

}  // namespace

Action declare_capture(CLI::App& arguments) {
    const auto wish = std::make_shared<Wish>();
    arguments
        .add_option("WHERE", wish->names,
                    "A port (its frames) or a tunnel (the packets inside); several with commas: "
                    "lan0,partner")
        ->required()
        ->type_name("");
    arguments
        .add_option("FILTER", wish->filter,
                    "What to keep, in tcpdump's language: host 198.51.100.7 and udp port 53")
        ->type_name("");
    arguments
        .add_option("-w,--write", wish->file, "Write pcapng for Wireshark and tshark; - is stdout")
        ->type_name("FILE");
    arguments.add_option("--seconds", wish->seconds, "Stop after so long")
        ->type_name("N")
        ->check(CLI::Range(1U, program::capture::max_seconds))
        ->capture_default_str();
    arguments.add_option("-n,--count", wish->count, "Stop after so many packets")
        ->type_name("COUNT")
        ->check(CLI::Range(std::uint64_t{1}, std::uint64_t{1} << 40U))
        ->capture_default_str();
    arguments.add_option("--megabytes", wish->megabytes, "Stop after so many megabytes")
        ->type_name("N")
        ->check(CLI::Range(1U, 1U << 20U))
        ->capture_default_str();
    arguments.add_option("--snap", wish->snap, "Keep so many bytes of a packet")
        ->type_name("BYTES")
        ->check(CLI::Range(1U, program::capture::max_snap))
        ->capture_default_str();
    arguments.footer(
        "Ctrl-C ends it. Forwarding comes first: what could not be copied in time is counted, not "
        "waited for.\nExit status: 0, 1 the data plane ended before it, 2 error, 3 the data plane "
        "does not answer.\n");
    return [wish](const Context& context) { return capture(context, *wish); };
}

}  // namespace detour::command
