// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What a child entrusted to us by FDSTORE=1: open files by name, kept in the order in which they
// came, handed to its next incarnation. One store for each child.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tools/detour/supervise/descriptor.h"

namespace detour::supervise {

struct StoredDescriptor {
    std::string name;
    Descriptor descriptor;
};

class DescriptorStore {
 public:
    static constexpr std::size_t max_count = 1024;

    // Takes the descriptor; false, and closes it, when the store is full. One that stands for the
    // same open file under the same name is held once.
    bool add(std::string_view name, Descriptor descriptor);
    // Closes all of that name.
    void remove(std::string_view name);

    [[nodiscard]] const std::vector<StoredDescriptor>& entries() const { return entries_; }

 private:
    std::vector<StoredDescriptor> entries_;
};

}  // namespace detour::supervise
