// SPDX-License-Identifier: Apache-2.0
// CBOR as others write it: any type, tags, keys in any order. What has two readings is still refused.
//
// cbor.h reads our own messages and accepts one encoding of each; a vendor's signed message is not ours to spell.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "blindbox/base/bytes.h"

namespace blindbox::evidence {

struct CborValue {
  enum class Kind { unsigned_integer, negative_integer, bytes, text, array, map, tag, other };
  Kind kind = Kind::other;
  // The integer; -1 - number where it is negative; the tag's number. Otherwise zero.
  std::uint64_t number = 0;
  // Of bytes and text: a view into the bytes that were parsed, which must live as long.
  ByteView content;
  // Of an array its elements, of a tag the one value, of a map key, value, key, value.
  std::vector<CborValue> children;

  // None where it is no integer, or one that 64 bits with a sign do not hold.
  [[nodiscard]] std::optional<std::int64_t> integer() const;
  [[nodiscard]] std::optional<std::string_view> text() const;
  [[nodiscard]] std::optional<ByteView> bytes() const;
  // The value of a key in a map; nullptr where there is none, or no map.
  [[nodiscard]] const CborValue* find(std::int64_t key) const;
  [[nodiscard]] const CborValue* find(std::string_view key) const;
  // Do two keys say the same, however they are spelled?
  [[nodiscard]] bool same_key(const CborValue& other) const;
};

// More is refused: values in one message, and values within values.
inline constexpr std::size_t kCborMaxValues = 4096;
inline constexpr std::size_t kCborMaxDepth = 16;

// One value and nothing behind it. Malformed: truncated, trailing bytes, indefinite and reserved lengths, text that is
// not UTF-8, a key that is neither integer nor text, a key twice in one map, more or deeper than the caps.
[[nodiscard]] Result<CborValue> parse_cbor(ByteView cbor);

}  // namespace blindbox::evidence
