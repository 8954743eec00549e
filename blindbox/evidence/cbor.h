// SPDX-License-Identifier: Apache-2.0
// The part of CBOR that our messages use, in the deterministic encoding of RFC 8949 section 4.2: unsigned integers,
// byte strings, text, arrays and maps with unsigned keys, all of definite length, keys ascending, lengths shortest.
//
// Written here because nlohmann-json's decoder, which could otherwise serve, merges duplicate keys silently, takes
// indefinite lengths and longer spellings of a number, allocates before our caps apply, and refuses integer keys.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "blindbox/base/bytes.h"
#include "blindbox/base/reader.h"

namespace blindbox::evidence {

class CborWriter {
 public:
  void unsigned_integer(std::uint64_t value) { head(0, value); }
  void bytes(ByteView value);
  void text(std::string_view value);
  void array(std::size_t count) { head(4, count); }
  // Then count times a key and a value, keys ascending: the caller's part.
  void map(std::size_t count) { head(5, count); }
  [[nodiscard]] Bytes take() { return std::move(out_); }

 private:
  void head(unsigned major, std::uint64_t value);
  Bytes out_;
};

// The first violation turns the reader bad; later values are empty, and the caller asks problem() once.
class CborReader {
 public:
  explicit CborReader(ByteView bytes) : reader_(bytes) {}

  std::uint64_t unsigned_integer() { return head(0, "an unsigned integer"); }
  ByteView bytes();
  std::string_view text();
  // The number of elements, never more than bytes that are left.
  std::size_t array() { return count(head(4, "an array"), 1); }
  std::size_t map() { return count(head(5, "a map"), 2); }
  // The next key of a map, given the one before it (none at first): it must be greater.
  std::uint64_t key(std::optional<std::uint64_t> previous);

  void refuse(std::string what);
  // Empty when all was well and nothing is left.
  [[nodiscard]] std::string finish();
  [[nodiscard]] bool ok() const { return problem_.empty(); }

 private:
  std::uint64_t head(unsigned major, const char* what);
  std::size_t count(std::uint64_t value, std::size_t least_size);
  std::uint64_t big_endian(std::size_t width);

  base::Reader reader_;
  std::string problem_;
};

}  // namespace blindbox::evidence
