// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The command's end of a capture: asks the data plane for it and reads what comes
// (conf/program/capture.h). Blocking; finish() may be called once enough was read.
#pragma once

#include <cstdint>
#include <expected>
#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "conf/program/capture.h"
#include "tools/detour/client.h"

namespace detour::command {

// One tap: a port or a tunnel, and the filter for what it shows.
struct TapWish {
    std::string name;
    program::capture::LinkType link_type = program::capture::LinkType::ethernet;
    std::vector<program::capture::Instruction> filter;
};

// The filter in libpcap's language, for that link type; the error is libpcap's sentence.
[[nodiscard]] std::expected<std::vector<program::capture::Instruction>, std::string> compile_filter(
    const std::string& filter, program::capture::LinkType link_type);

class CaptureStream {
 public:
    [[nodiscard]] static std::expected<CaptureStream, ClientError> open(
        const std::filesystem::path& socket, std::span<const TapWish> taps, std::uint32_t snap,
        std::uint32_t seconds);
    ~CaptureStream();
    CaptureStream(CaptureStream&& other) noexcept;
    CaptureStream& operator=(CaptureStream&&) = delete;

    struct Ended {
        bool is_whole = false;  // false: the data plane was gone before it said how it ended
        program::capture::End end = program::capture::End::asked;
        std::vector<program::capture::TapCount> counts;
    };
    using Take = std::function<void(const program::capture::Record& record,
                                    std::span<const std::uint8_t> bytes)>;
    enum class Step { more, interrupted, ended };
    // Waits for the next piece and gives its packets to `take`, one by one.
    [[nodiscard]] Step read(const Take& take);
    // Says that it is enough; read() goes on with what was copied until then.
    void finish();
    [[nodiscard]] const Ended& ended() const { return ended_; }

 private:
    explicit CaptureStream(int descriptor);

    int descriptor_ = -1;
    std::vector<std::uint8_t> buffer_;
    Ended ended_;
};

}  // namespace detour::command
