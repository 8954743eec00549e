// SPDX-License-Identifier: Apache-2.0
// AMD's chain of three: ARK -> ASK -> VCEK, or ARK -> ASVK -> VLEK (AMD 57230, chapter "Certificates"). Each function
// answers one question and none implies another: the verifier asks them all.
#pragma once

#include <vector>

#include "blindbox/endorsements/certificate.h"
#include "blindbox/evidence/sev_snp/report.h"

namespace blindbox::endorsements::sev_snp {

// More certificates than any platform hands out are refused before parsing.
inline constexpr std::size_t kMaxCertificates = 32;

struct Chain {
  evidence::sev_snp::SigningKey kind{};  // vcek or vlek
  Certificate leaf;
  Certificate intermediate;
  Certificate root;
};

// Malformed: too many, or one that does not parse. Equal certificates are kept once.
[[nodiscard]] Result<std::vector<Certificate>> parse_certificates(const std::vector<Bytes>& der);

// "SEV-VCEK" or "SEV-VLEK"; empty for another kind.
[[nodiscard]] std::string_view leaf_common_name(evidence::sev_snp::SigningKey kind);

// By names alone: the leaf of this kind, its issuer, and that one's issuer. Refused where one is missing or there are
// two candidates with different keys for a place; of a key's certificates, the latest that is valid from now or before.
[[nodiscard]] Result<Chain> select_chain(const std::vector<Certificate>& certificates,
                                         evidence::sev_snp::SigningKey kind, base::Time now);

// The product that the root's name tells, unauthenticated.
[[nodiscard]] std::optional<evidence::sev_snp::Product> named_product(const Chain& chain);

// Subjects are those of AMD's profile for one product, and each issuer is the next one's subject.
[[nodiscard]] Result<void> check_names(const Chain& chain);
// RSA-4096 keys above a P-384 leaf; RSASSA-PSS with SHA-384 and a salt of 48 bytes throughout.
[[nodiscard]] Result<void> check_algorithms(const Chain& chain);
// Who may sign certificates says so, the leaf does not, and no critical extension is unknown.
[[nodiscard]] Result<void> check_authority(const Chain& chain);
// now lies within the dates of all three, both ends included.
[[nodiscard]] Result<void> check_dates(const Chain& chain, base::Time now);
[[nodiscard]] Result<void> check_signatures(const Chain& chain);

}  // namespace blindbox::endorsements::sev_snp
