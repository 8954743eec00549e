// SPDX-License-Identifier: Apache-2.0
// What AMD says in a VCEK or VLEK about the chip and its firmware (AMD 57230, "Versioned Chip Endorsement Key
// Certificate and KDS Interface", tables of the 1.3.6.1.4.1.3704.1 extensions).
#pragma once

#include "blindbox/endorsements/certificate.h"
#include "blindbox/evidence/sev_snp/report.h"

namespace blindbox::endorsements::sev_snp {

struct LeafClaims {
  evidence::sev_snp::Product product{};
  evidence::sev_snp::Tcb tcb;
  Bytes hwid;  // VCEK: 64 bytes, 8 on Turin. VLEK: empty
};

// Malformed: an extension that is missing, duplicate, not exactly one DER INTEGER of one byte, a structVersion or
// product name that do not go together, a VCEK without its chip's id or a VLEK with one.
[[nodiscard]] Result<LeafClaims> read_leaf(const Certificate& leaf, evidence::sev_snp::SigningKey kind);

}  // namespace blindbox::endorsements::sev_snp
