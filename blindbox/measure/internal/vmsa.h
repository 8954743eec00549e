// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "blindbox/measure/launch_digest.h"

namespace blindbox::measure::internal {

using Page = ByteArray<4096>;

// A vCPU's save area as its hypervisor starts it at an address (AMD APM volume 2, table B-4).
[[nodiscard]] Page initial_vmsa(const LaunchInput& input, std::uint32_t address);
// Of every vCPU under an SVSM, which begins in 32-bit mode at its own address. QEMU alone.
[[nodiscard]] Page svsm_vmsa(std::uint32_t cpu_signature, std::uint64_t address);

}  // namespace blindbox::measure::internal
