// SPDX-License-Identifier: Apache-2.0
// PCR 11 of a unified kernel image: what systemd-stub extends before it hands over to the kernel, and what
// "systemd-measure calculate" predicts.
#pragma once

#include <string>
#include <vector>

#include "blindbox/base/digest.h"

namespace blindbox::measure {

constexpr std::size_t kUkiCap = std::size_t{1} << 30;

struct UkiMeasurement {
  base::Sha256 pcr11{};               // when the kernel takes over, before any phase of the boot
  std::vector<std::string> sections;  // those measured, in order
};

// A PE image (Microsoft, "PE Format") with a .linux section. Each section that systemd knows, in its order: its name with
// a NUL, then its contents. ErrorKind::malformed for what is no such image.
[[nodiscard]] Result<UkiMeasurement> measure_uki(ByteView image);

// Extends once more: by the name of a phase, "enter-initrd", "leave-initrd", "sysinit" or "ready", as systemd-pcrphase
// does while it boots.
[[nodiscard]] base::Sha256 extend_pcr(const base::Sha256& pcr, ByteView item);

}  // namespace blindbox::measure
