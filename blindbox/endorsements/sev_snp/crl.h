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
  Bytes number{};  // CRLNumber, big-endian; empty where there is none
};

// True for "ARK-Milan" and the others' names.
[[nodiscard]] bool is_amd_root_name(std::string_view common_name);

// Malformed: over the cap, not DER, trailing bytes, no issuer's common name, or a date that is missing.
[[nodiscard]] Result<CrlClaims> read_crl(ByteView der);

// Lists of AMD's other roots are left aside: false where there are no others. Each list of the chain's root must be signed
// by it (RSASSA-PSS with SHA-384); of those that have begun, the newest must be current at now, and none may name the
// intermediate's or the leaf's serial number: a revocation is not taken back. Malformed: a list that cannot be read, or
// whose issuer is no root of AMD's; refused otherwise, and where two lists both claim to be the newest.
[[nodiscard]] Result<bool> check_crls(const std::vector<Bytes>& crls, const Chain& chain, base::Time now);

}  // namespace blindbox::endorsements::sev_snp
