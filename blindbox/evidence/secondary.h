// SPDX-License-Identifier: Apache-2.0
// Secondary evidence, bundle key 6: what the primary evidence vouches for through H_secondary. One CBOR map with unsigned
// integer keys; the bundle holds no bytes at all where it would be empty.
#pragma once

#include "blindbox/base/bytes.h"

namespace blindbox::evidence {

struct Secondary {
  Bytes probe;  // key 1: what came of the escape attempts when the server started (docs/protocol.md), or empty
  bool operator==(const Secondary&) const = default;
};

// Empty where all of it is.
[[nodiscard]] Bytes encode_secondary(const Secondary& secondary);
// Malformed: unknown, duplicate or unordered keys, an empty map or value, other types, trailing bytes. No bytes are an
// empty Secondary.
[[nodiscard]] Result<Secondary> decode_secondary(ByteView cbor);

}  // namespace blindbox::evidence
