// SPDX-License-Identifier: Apache-2.0
// The trust root: which keys sign releases, and how many of them must. It is signed by itself; a new version is signed by
// enough keys of the version before it too (The Update Framework 1.0.33, section 5.3), so that a client that trusts one
// version follows to the next by itself.
#pragma once

#include <set>

#include "blindbox/base/clock.h"
#include "blindbox/release/document.h"

namespace blindbox::release {

inline constexpr std::string_view kTrustSchema = "blindbox/trust-root/v1";
inline constexpr std::size_t kMostKeys = 32;
// One stolen key must never be enough: no root may ask for fewer.
inline constexpr std::uint64_t kLeastThreshold = 2;

struct TrustRoot {
  ByteArray<16> id{};  // drawn with version 1 and kept: whose roots these are
  std::uint64_t version = 1;
  std::uint64_t threshold = kLeastThreshold;
  Keys keys;
  std::set<std::string> revoked;  // key ids that may never come back
  base::Time expires{};
  bool operator==(const TrustRoot&) const = default;
};

// The body of a document. A root that breaks the rules above is written all the same, and never read back.
[[nodiscard]] std::string encode(const TrustRoot& root);
// ErrorKind::malformed for whatever encode() would not have written, and for fewer than two signatures asked, more of them
// than keys, and keys that are revoked.
[[nodiscard]] Result<TrustRoot> decode_trust_root(const Document& document, const std::string& name);

// Signed by its own threshold and not expired. ErrorKind::not_authentic with what is missing, ErrorKind::not_acceptable.
[[nodiscard]] Result<TrustRoot> check_trust_root(const Document& document, const std::string& name, base::Time now);
// That next may follow on before: the same id, a higher version, enough keys of before have signed, and nothing that
// was revoked is back. ErrorKind::not_authentic otherwise.
[[nodiscard]] Result<void> check_rotation(const TrustRoot& before, const TrustRoot& next, const Document& document);

}  // namespace blindbox::release
