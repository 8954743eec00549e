// SPDX-License-Identifier: Apache-2.0
// ATTESTATION_REPORT in AMD's layout: the unsigned bytes, and the signature over them.
#pragma once

#include "blindbox/base/openssl.h"
#include "blindbox/emulator/guest.h"

namespace blindbox::emulator::internal {

// 1184 bytes whose signature is zero (AMD 56860 rev. 1.58, Table 23).
[[nodiscard]] Bytes write_report(const Guest& guest, const ByteArray<64>& chip_id, const ByteArray<64>& report_data);

// ECDSA P-384 with SHA-384 into report's signature: R and S little-endian, 72 bytes each (Table 139).
void sign_report(Bytes& report, EVP_PKEY* key);

}  // namespace blindbox::emulator::internal
