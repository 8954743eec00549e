// SPDX-License-Identifier: Apache-2.0
// Everything a policy can say that weakens what a verdict means. Each weakening is a type of its own, so that a
// search for its name finds every place that honours it; the file spells it under `unsafe:`.
#pragma once

#include <optional>

#include "blindbox/base/digest.h"

namespace blindbox::policy {

// Accepts evidence from a software security processor whose root has this SubjectPublicKeyInfo. There is NO TEE
// behind such evidence: whoever runs the server reads everything.
struct TrustEmulator {
  base::Sha256 ark_spki_sha256{};
  bool operator==(const TrustEmulator&) const = default;
};

// Accepts machines whose firmware reports that it did not finish looking for aliased memory (BadRAM, AMD-SB-3015).
struct AllowIncompleteAliasCheck {
  bool operator==(const AllowIncompleteAliasCheck&) const = default;
};

struct Unsafe {
  std::optional<TrustEmulator> trust_emulator;
  std::optional<AllowIncompleteAliasCheck> allow_incomplete_alias_check;
  bool operator==(const Unsafe&) const = default;
};

}  // namespace blindbox::policy
