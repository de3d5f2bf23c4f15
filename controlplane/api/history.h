// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// The resources that tell of what was, from the journal alone:
//
//     GET /v1/incidents?count=N    {"incidents": [newest first, as in observe/incidents.h]}
//     GET /v1/incident?id=N        one with its events; without an id the newest
//     GET /v1/probes               {"window_s", "ways": [as in observe/probe_summary.h]}
#pragma once

#include <filesystem>
#include <vector>

#include "controlplane/api/server.h"
#include "controlplane/observe/journal_error.h"

namespace detour::api {

// For whoever reads the journal: it cannot be read.
[[nodiscard]] Response journal_failure(const observe::JournalError& error);

[[nodiscard]] std::vector<Resource> history(const std::filesystem::path& journal);

}  // namespace detour::api
