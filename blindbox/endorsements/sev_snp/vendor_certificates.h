// SPDX-License-Identifier: Apache-2.0
// AMD's intermediates and roots for evidence that carries the leaf alone, as that of Azure's confidential VMs does. They
// are collateral like any other: verified, and trusted for their root's pinned key, not for being here.
#pragma once

#include "blindbox/endorsements/certificate.h"

namespace blindbox::endorsements::sev_snp {

// ErrorKind::not_authentic where none of them signed it.
[[nodiscard]] Result<Certificate> vendor_issuer(const Certificate& certificate);

}  // namespace blindbox::endorsements::sev_snp
