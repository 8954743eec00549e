// SPDX-License-Identifier: Apache-2.0
// What an attester hands out and a bundle carries: raw bytes, nothing of it verified.
#pragma once

#include <optional>
#include <vector>

#include "blindbox/evidence/azure_vm/pcrs.h"

namespace blindbox::evidence {

// An Azure confidential VM: the paravisor holds the device, and speaks through an HCL report and a virtual TPM.
struct AzureVm {
  Bytes hcl_report;          // NV index 0x01400001, as read; the report is the one inside
  Bytes quote;               // TPMS_ATTEST, or empty
  Bytes quote_signature;     // TPMT_SIGNATURE or the bare RSA signature, or empty
  azure_vm::PcrValues pcrs;  // of whichever banks and registers; possibly none
};

struct Evidence {
  // ATTESTATION_REPORT, 1184 bytes (AMD 56860, Table 23).
  Bytes report;
  // VCEK or VLEK, ASK or ASVK, ARK: DER, in any order; whatever the platform offers, possibly none.
  std::vector<Bytes> certificates;
  // CRLs in DER; possibly none.
  std::vector<Bytes> crls{};
  // Azure's endorsement of the utility VM (COSE_Sign1), or empty.
  Bytes uvm_endorsement{};
  // Azure's container policy, whose SHA-256 is HOST_DATA; or empty.
  Bytes security_policy{};
  std::optional<AzureVm> azure_vm{};
};

}  // namespace blindbox::evidence
