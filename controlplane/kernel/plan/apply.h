// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the kernel does with its own state when an operation succeeds or a link goes: the
// reconciler keeps its picture current with this between two dumps, and drops at once what a link
// event has flushed without a message.
#pragma once

#include "controlplane/kernel/plan/diff.h"
#include "controlplane/kernel/plan/objects.h"

namespace detour::kernel::plan {

// The operation was acknowledged. A created link is not there before its event says its index.
void apply(Actual& actual, const Operation& operation);

// The link lost carrier or went down: next hops on it vanish, and with them group members, groups
// that have none left, and every route that named one; routes out of the link vanish too.
void flush(Actual& actual, InterfaceIndex device);

// The link is gone: all of that, and its addresses.
void forget(Actual& actual, InterfaceIndex device);

}  // namespace detour::kernel::plan
