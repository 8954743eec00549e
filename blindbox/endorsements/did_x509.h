// SPDX-License-Identifier: Apache-2.0
// did:x509, a name for whoever signs: the fingerprint of an authority in the signer's certification path, and predicates
// that the leaf fulfils (microsoft/did-x509, specification.md, method version 0).
#pragma once

#include <string_view>

#include "blindbox/endorsements/path.h"

namespace blindbox::endorsements {

inline constexpr std::size_t kDidCap = 4096;

// Does the name resolve to this path: fingerprint of a certificate above the leaf, every predicate (subject, san, eku,
// fulcio-issuer), and a leaf whose key may sign or agree? Matches only: resolution is check_path and this. Not authentic
// otherwise, with what differs.
[[nodiscard]] Result<void> check_did_x509(std::string_view did, const Path& path);

}  // namespace blindbox::endorsements
