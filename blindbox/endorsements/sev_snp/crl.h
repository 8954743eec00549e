// SPDX-License-Identifier: Apache-2.0
// AMD's revocation lists: one per product, signed by the ARK (AMD 57230, CRL requests).
#pragma once

#include <vector>

#include "blindbox/endorsements/sev_snp/chain.h"

namespace blindbox::endorsements::sev_snp {

inline constexpr std::size_t kCrlCap = std::size_t{1} << 20;

// What a list says of itself; nobody has verified it.
struct CrlClaims {
  std::string issuer_common_name;
  base::Time this_update{};
  base::Time next_update{};
};

// Malformed: over the cap, not DER, trailing bytes, no issuer's common name, or a date that is missing.
[[nodiscard]] Result<CrlClaims> read_crl(ByteView der);

// Every list given must parse, be signed by the chain's root (RSASSA-PSS with SHA-384), be current at now, and name
// neither the intermediate's nor the leaf's serial number. Refused or malformed otherwise; also for no list at all.
[[nodiscard]] Result<void> check_crls(const std::vector<Bytes>& crls, const Chain& chain, base::Time now);

}  // namespace blindbox::endorsements::sev_snp
