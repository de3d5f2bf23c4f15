// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#pragma once

#include <unistd.h>

#include <utility>

namespace detour::supervise {

// Owns one file descriptor.
class Descriptor {
 public:
    Descriptor() = default;
    explicit Descriptor(int number) : number_(number) {}
    ~Descriptor() { close(); }
    Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
    Descriptor& operator=(Descriptor&& other) noexcept {
        if (this != &other) {
            close();
            number_ = std::exchange(other.number_, -1);
        }
        return *this;
    }

    [[nodiscard]] bool is_open() const { return number_ >= 0; }
    [[nodiscard]] int get() const { return number_; }
    void close() {
        if (is_open())
            ::close(std::exchange(number_, -1));
    }

 private:
    int number_ = -1;
};

}  // namespace detour::supervise
