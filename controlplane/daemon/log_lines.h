// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What a person reads in the log while it happens: verdicts, moves, what was held, sessions, and
// what the kernel refused. Everything is in the journal; this is the part that tells.
#pragma once

#include <map>
#include <string>

#include "controlplane/controller/record.h"
#include "controlplane/kernel/outputs.h"
#include "controlplane/observe/log.h"
#include "controlplane/observe/names.h"

namespace detour::daemon {

class LogLines {
 public:
    LogLines(observe::Log& log, const observe::Names& names);

    // Other names from now on.
    void use(const observe::Names& names) { names_ = &names; }

    void tell(const controller::Record& record);
    void tell(const kernel::Output& output);
    void say(const std::string& room, const std::string& text) {
        write(room, "news", observe::Level::info, text);
    }
    void warn(const std::string& room, const std::string& text) {
        write(room, "complaint", observe::Level::warning, text);
    }

 private:
    // Lines about the same are limited together; `about` is a literal.
    void write(const std::string& room, std::string_view about, observe::Level level,
               const std::string& text);
    void tell(const decision::Deed& deed);

    const observe::Names* names_;
    observe::Log& log_;
    std::map<std::string, observe::Logger> rooms_;
};

}  // namespace detour::daemon
