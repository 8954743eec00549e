// SPDX-License-Identifier: Apache-2.0
// What OVMF, and Coconut's SVSM, say of themselves in the table that ends 32 bytes before its end (edk2, OvmfPkg/ResetVector).
#pragma once

#include <optional>
#include <vector>

#include "blindbox/base/bytes.h"

namespace blindbox::measure::internal {

struct OvmfSection {
  std::uint32_t address = 0;
  std::uint32_t size = 0;
  std::uint32_t type = 0;
};

struct Ovmf {
  std::optional<std::uint32_t> hash_table;    // where the hashes of a direct boot go
  std::optional<std::uint32_t> reset_vector;  // of vCPUs but the first
  std::optional<std::uint32_t> svsm_entry;    // of an SVSM: where it begins, from its own first byte
  std::vector<OvmfSection> sections;          // pages that it wants besides its own
};

// ErrorKind::malformed for a table that contradicts itself. Firmware without one has nothing of it.
[[nodiscard]] Result<Ovmf> parse_ovmf(ByteView firmware);

}  // namespace blindbox::measure::internal
