// SPDX-License-Identifier: Apache-2.0
// SPDX-FileCopyrightText: The detour authors
#include "conf/types/bytes.h"

#include <doctest/doctest.h>

#include <array>

using detour::ByteReader;
using detour::Bytes;
using detour::ByteWriter;

TEST_CASE("integers are written and read in network order") {
    Bytes out;
    ByteWriter writer(out);
    writer.u8(0x01);
    writer.u16(0x0203);
    writer.u32(0x04050607);
    writer.u64(0x08090a0b0c0d0e0f);
    CHECK(out == Bytes{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15});
    ByteReader reader(out);
    CHECK(reader.u8() == 0x01);
    CHECK(reader.u16() == 0x0203);
    CHECK(reader.position() == 3);
    CHECK(reader.u32() == 0x04050607);
    CHECK(reader.u64() == 0x08090a0b0c0d0e0f);
    CHECK(reader.at_end());
    CHECK(reader.ok());
}

TEST_CASE("a reader past its end gives zeros and is never ok again") {
    const Bytes bytes{1, 2, 3};
    ByteReader reader(bytes);
    CHECK(reader.u32() == 0);
    CHECK_FALSE(reader.ok());
    CHECK(reader.u8() == 0);
    CHECK(reader.bytes(1).empty());
    CHECK(reader.remaining() == 3);
}

TEST_CASE("a sub-reader is bounded, and one that was not there is not ok") {
    const Bytes bytes{1, 2, 3};
    ByteReader reader(bytes);
    ByteReader part = reader.sub(2);
    CHECK(part.u16() == 0x0102);
    CHECK(part.at_end());
    part.u8();
    CHECK_FALSE(part.ok());
    CHECK(reader.ok());
    CHECK_FALSE(reader.sub(2).ok());
    CHECK_FALSE(reader.ok());
}

TEST_CASE("skipping moves on, and a length is patched in place") {
    Bytes out;
    ByteWriter writer(out);
    writer.u16(0);
    writer.bytes(std::array<std::uint8_t, 2>{7, 8});
    writer.patch_u16(0, static_cast<std::uint16_t>(writer.size()));
    CHECK(out == Bytes{0, 4, 7, 8});
    ByteReader reader(out);
    reader.skip(3);
    CHECK(reader.u8() == 8);
}
