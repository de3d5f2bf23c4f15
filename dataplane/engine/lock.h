// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// One data plane a box: the lock file in the run directory, held until the process ends however it
// ends. The file stays behind; only the lock means something.
#pragma once

#include <expected>
#include <filesystem>

#include "dataplane/engine/descriptor.h"
#include "dataplane/engine/error.h"

namespace detour::engine {

// Creates the directory if it is missing. The lock lives as long as the descriptor.
[[nodiscard]] std::expected<Descriptor, Error> take_lock(const std::filesystem::path& file);

}  // namespace detour::engine
