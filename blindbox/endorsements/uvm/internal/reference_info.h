// SPDX-License-Identifier: Apache-2.0
// The JSON payload of an endorsement's older format.
#pragma once

#include "blindbox/base/bytes.h"

namespace blindbox::endorsements::uvm::internal {

struct ReferenceInfo {
  ByteArray<48> launch_measurement{};
  std::uint64_t svn = 0;
};

// "x-ms-sevsnpvm-launchmeasurement" in hexadecimal, "x-ms-sevsnpvm-guestsvn" as decimal digits in a text,
// "x-ms-sevsnpvm-guestsvn-int" as a number; other members are left alone. Malformed: over 64 KiB, no JSON object, a
// member twice, no SVN, two that differ, no measurement of 48 bytes.
[[nodiscard]] Result<ReferenceInfo> read_reference_info(ByteView bytes);

}  // namespace blindbox::endorsements::uvm::internal
