// SPDX-License-Identifier: Apache-2.0
// What an attester hands out and a bundle carries: raw bytes, nothing of it verified.
#pragma once

#include <vector>

#include "blindbox/base/bytes.h"

namespace blindbox::evidence {

struct Evidence {
  // ATTESTATION_REPORT, 1184 bytes (AMD 56860, Table 23).
  Bytes report;
  // VCEK or VLEK, ASK or ASVK, ARK: DER, in any order; whatever the platform offers, possibly none.
  std::vector<Bytes> certificates;
  // CRLs in DER; possibly none.
  std::vector<Bytes> crls;
  // Azure's endorsement of the utility VM (COSE_Sign1), or empty.
  Bytes uvm_endorsement;
};

}  // namespace blindbox::evidence
