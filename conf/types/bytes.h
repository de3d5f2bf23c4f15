// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
//
// Bounded cursors over bytes in network order. A reader that is asked for more than there is gives
// zeros (or an empty span) and is not ok() ever after, so that a decoder reads a fixed part first
// and asks once. A writer appends to a vector; lengths that are known only later are patched.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace detour {

using Bytes = std::vector<std::uint8_t>;

class ByteReader {
 public:
    explicit ByteReader(std::span<const std::uint8_t> bytes) : bytes_(bytes) {}

    [[nodiscard]] bool ok() const { return is_ok_; }
    [[nodiscard]] std::size_t remaining() const { return bytes_.size() - position_; }
    [[nodiscard]] bool at_end() const { return remaining() == 0; }
    // Bytes read since the start.
    [[nodiscard]] std::size_t position() const { return position_; }

    std::uint8_t u8() { return static_cast<std::uint8_t>(integer(1)); }
    std::uint16_t u16() { return static_cast<std::uint16_t>(integer(2)); }
    std::uint32_t u32() { return static_cast<std::uint32_t>(integer(4)); }
    std::uint64_t u64() { return integer(8); }
    // The next `size` bytes, not copied; empty when there are fewer.
    std::span<const std::uint8_t> bytes(std::size_t size);
    // A reader of the next `size` bytes alone; not ok when there are fewer.
    ByteReader sub(std::size_t size);
    void skip(std::size_t size) { bytes(size); }

 private:
    std::uint64_t integer(std::size_t size);

    std::span<const std::uint8_t> bytes_;
    std::size_t position_ = 0;
    bool is_ok_ = true;
};

class ByteWriter {
 public:
    // Appends to `out`, which must outlive the writer.
    explicit ByteWriter(Bytes& out) : out_(out) {}

    void u8(std::uint8_t value) { integer(value, 1); }
    void u16(std::uint16_t value) { integer(value, 2); }
    void u32(std::uint32_t value) { integer(value, 4); }
    void u64(std::uint64_t value) { integer(value, 8); }
    void bytes(std::span<const std::uint8_t> bytes) {
        out_.insert(out_.end(), bytes.begin(), bytes.end());
    }
    // Bytes in the vector, what was there before the writer included.
    [[nodiscard]] std::size_t size() const { return out_.size(); }
    // Overwrites what stands at `position`; asserts that it is within.
    void patch_u8(std::size_t position, std::uint8_t value);
    void patch_u16(std::size_t position, std::uint16_t value);

 private:
    void integer(std::uint64_t value, std::size_t size) {
        for (std::size_t shift = size * 8; shift != 0;)
            out_.push_back(static_cast<std::uint8_t>(value >> (shift -= 8)));
    }

    Bytes& out_;
};

}  // namespace detour
