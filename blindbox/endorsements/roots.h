// SPDX-License-Identifier: Apache-2.0
// The vendors' root keys, pinned. Nothing on disk or on the wire can add one.
#pragma once

#include <optional>

#include "blindbox/base/digest.h"
#include "blindbox/evidence/sev_snp/report.h"

namespace blindbox::endorsements {

// The product whose ARK has this SubjectPublicKeyInfo.
[[nodiscard]] std::optional<evidence::sev_snp::Product> pinned_amd_root(const base::Sha256& spki_sha256);

// Is it Microsoft's root over the signers of Azure's utility VMs, "Microsoft Supply Chain RSA Root CA 2022"?
[[nodiscard]] bool is_pinned_uvm_root(const base::Sha256& spki_sha256);

}  // namespace blindbox::endorsements
