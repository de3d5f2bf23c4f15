// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/types/bytes.h"

#include <cassert>

namespace detour {

std::span<const std::uint8_t> ByteReader::bytes(std::size_t size) {
    if (!is_ok_ || size > remaining()) {
        is_ok_ = false;
        return {};
    }
    const auto result = bytes_.subspan(position_, size);
    position_ += size;
    return result;
}

ByteReader ByteReader::sub(std::size_t size) {
    ByteReader reader(bytes(size));
    reader.is_ok_ = is_ok_;
    return reader;
}

std::uint64_t ByteReader::integer(std::size_t size) {
    std::uint64_t value = 0;
    for (const std::uint8_t byte : bytes(size))
        value = value << 8 | byte;
    return value;
}

void ByteWriter::patch_u8(std::size_t position, std::uint8_t value) {
    assert(position < out_.size());
    out_[position] = value;
}

void ByteWriter::patch_u16(std::size_t position, std::uint16_t value) {
    patch_u8(position, static_cast<std::uint8_t>(value >> 8));
    patch_u8(position + 1, static_cast<std::uint8_t>(value));
}

}  // namespace detour
