// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// What the fuzzers share. They hold what they read on the heap in its exact size: AddressSanitizer
// then sees the first byte too many.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <span>

#include "conf/types/bytes.h"

namespace detour {

// A promise of the code under test.
inline void must(bool holds) {
    if (!holds)
        std::abort();
}

// Takes from the front of the input what a case is to be like; zeros when it is used up.
class Choices {
 public:
    explicit Choices(std::span<const std::uint8_t> input) : input_(input) {}

    std::uint8_t octet() {
        if (input_.empty())
            return 0;
        const std::uint8_t value = input_[0];
        input_ = input_.subspan(1);
        return value;
    }
    std::uint32_t word() {
        std::uint32_t value = 0;
        for (int i = 0; i < 4; ++i)
            value = value << 8 | octet();
        return value;
    }
    [[nodiscard]] std::span<const std::uint8_t> rest() const { return input_; }

 private:
    std::span<const std::uint8_t> input_;
};

}  // namespace detour
