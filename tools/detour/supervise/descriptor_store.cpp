// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "tools/detour/supervise/descriptor_store.h"

#include <linux/kcmp.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>

namespace detour::supervise {
namespace {

// Where the kernel cannot tell, they count as different: a file held twice does no harm.
bool are_same_file(const Descriptor& one, const Descriptor& other) {
    const pid_t self = getpid();
    return ::syscall(SYS_kcmp, self, self, KCMP_FILE, one.get(), other.get()) == 0;
}

}  // namespace

bool DescriptorStore::add(std::string_view name, Descriptor descriptor) {
    const bool is_known = std::ranges::any_of(entries_, [&](const StoredDescriptor& entry) {
        return entry.name == name && are_same_file(entry.descriptor, descriptor);
    });
    if (is_known)
        return true;
    if (entries_.size() == max_count)
        return false;
    entries_.push_back({std::string(name), std::move(descriptor)});
    return true;
}

void DescriptorStore::remove(std::string_view name) {
    std::erase_if(entries_, [name](const StoredDescriptor& entry) { return entry.name == name; });
}

}  // namespace detour::supervise
