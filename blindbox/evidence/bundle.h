// SPDX-License-Identifier: Apache-2.0
// The evidence bundle, message M3 of docs/protocol.md: one CBOR map with unsigned integer keys (README.md has the
// table).
#pragma once

#include <cstdint>
#include <vector>

#include "blindbox/base/digest.h"
#include "blindbox/evidence/evidence.h"

namespace blindbox::evidence {

// More is refused before decoding.
inline constexpr std::size_t kBundleCap = std::size_t{1} << 20;

// Where one challenge sits in the tree whose root the report data covers: the Merkle tree of RFC 9162 section 2.1,
// whose last leaf may lack a partner. siblings run from the leaf upwards.
struct TreePath {
  std::uint32_t tree_size = 1;
  std::uint32_t leaf_index = 0;
  std::vector<base::Sha512> siblings;
};

// How many siblings a leaf has in such a tree; leaf_index < tree_size.
[[nodiscard]] std::size_t path_length(std::uint32_t tree_size, std::uint32_t leaf_index);

struct Bundle {
  Evidence primary;
  TreePath path;
  Bytes secondary;  // all secondary evidence, or empty
  Bytes manifest;   // the service manifest, canonical JSON (RFC 8785)
  Bytes hpke;       // an HPKE key configuration, or empty
};

[[nodiscard]] Bytes encode_bundle(const Bundle& bundle);

// Malformed: over the cap, truncated, trailing bytes, unknown, duplicate or unordered keys, a missing key, indefinite
// lengths, wrong types, a tree of more than 2^16 leaves, a path whose length does not fit tree_size and leaf_index.
// What it accepts, encode_bundle gives back byte for byte.
[[nodiscard]] Result<Bundle> decode_bundle(ByteView cbor);

}  // namespace blindbox::evidence
