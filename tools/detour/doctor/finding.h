// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What `detour doctor` finds, each with the command that mends it, and whom it examines. A check is
// a function that looks at the host and adds at least one finding; it changes nothing, asks no
// daemon for its opinion, and says so when it could not look.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "conf/model/config.h"
#include "conf/program/paths.h"

namespace detour::command::doctor {

enum class Level : std::uint8_t { ok, not_checked, warning, error };

struct Finding {
    Level level = Level::ok;
    std::string check;  // one word or two: "hugepages"
    std::string text;   // what is, and what follows from it
    std::string mend;   // a command, or what to do; empty when there is nothing to mend
};

class Findings {
 public:
    void ok(std::string_view check, std::string text) {
        add(Level::ok, check, std::move(text), "");
    }
    void not_checked(std::string_view check, std::string text) {
        add(Level::not_checked, check, std::move(text), "");
    }
    void warn(std::string_view check, std::string text, std::string mend) {
        add(Level::warning, check, std::move(text), std::move(mend));
    }
    void error(std::string_view check, std::string text, std::string mend) {
        add(Level::error, check, std::move(text), std::move(mend));
    }
    void add(Level level, std::string_view check, std::string text, std::string mend) {
        list_.push_back({level, std::string(check), std::move(text), std::move(mend)});
    }
    [[nodiscard]] const std::vector<Finding>& list() const { return list_; }
    [[nodiscard]] std::size_t count(Level level) const;

 private:
    std::vector<Finding> list_;
};

struct Patient {
    const model::Config& config;
    const program::RunDir& run;
    bool is_forwarding = false;  // detour-dataplane runs, or in kind kernel detourd
    bool is_controlled = false;  // detourd runs

    [[nodiscard]] bool is_dpdk() const {
        return config.dataplane.kind == model::DataplaneKind::dpdk;
    }
};

using Check = void (*)(const Patient&, Findings&);
// All, in the order in which they are told.
[[nodiscard]] std::span<const Check> checks();

void check_memory(const Patient& patient, Findings& findings);
void check_cores(const Patient& patient, Findings& findings);
void check_clock(const Patient& patient, Findings& findings);
void check_devices(const Patient& patient, Findings& findings);
void check_features(const Patient& patient, Findings& findings);
void check_sysctls(const Patient& patient, Findings& findings);
void check_managers(const Patient& patient, Findings& findings);
void check_foreign_routes(const Patient& patient, Findings& findings);
void check_management(const Patient& patient, Findings& findings);
void check_far_ends(const Patient& patient, Findings& findings);

}  // namespace detour::command::doctor
