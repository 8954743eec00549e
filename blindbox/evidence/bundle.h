// SPDX-License-Identifier: Apache-2.0
// The evidence bundle, message M3 of docs/protocol.md: one CBOR map with unsigned integer keys.
#pragma once

#include <cstdint>
#include <vector>

#include "blindbox/base/digest.h"
#include "blindbox/evidence/evidence.h"

namespace blindbox::evidence {

// More is refused before decoding.
inline constexpr std::size_t kBundleCap = std::size_t{1} << 20;

// Where one challenge sits in the tree whose root the report data covers. siblings run from the leaf upwards.
struct TreePath {
  std::uint32_t tree_size = 1;
  std::uint32_t leaf_index = 0;
  std::vector<base::Sha512> siblings;
};

struct Bundle {
  Evidence primary;
  TreePath path;
  Bytes secondary;  // all secondary evidence, or empty
  Bytes manifest;   // the service manifest, canonical JSON (RFC 8785)
  Bytes hpke;       // an HPKE key configuration, or empty
};

[[nodiscard]] Bytes encode_bundle(const Bundle& bundle);

// Malformed: over the cap, truncated, trailing bytes, unknown or duplicate keys, indefinite lengths, wrong types, a
// path longer than a tree of 2^16 leaves needs or whose length does not fit tree_size and leaf_index.
[[nodiscard]] Result<Bundle> decode_bundle(ByteView cbor);

}  // namespace blindbox::evidence
