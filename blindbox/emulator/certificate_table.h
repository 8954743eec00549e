// SPDX-License-Identifier: Apache-2.0
// The table in which a host hands certificates to a guest (GHCB 56421 rev. 2.03, section 4.1.8.1).
#pragma once

#include <vector>

#include "blindbox/base/bytes.h"
#include "blindbox/emulator/guest.h"

namespace blindbox::emulator {

// chain: leaf, ASK or ASVK, ARK, as SecurityProcessor::certificates gives them.
[[nodiscard]] Bytes certificate_table(const std::vector<Bytes>& chain, SigningKey leaf);

}  // namespace blindbox::emulator
