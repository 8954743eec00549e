// SPDX-License-Identifier: Apache-2.0
// What a TPM holds after a unified kernel image has booted. PCR 11 is what systemd-stub extends before it hands over to
// the kernel, and what "systemd-measure calculate" predicts. It proves nothing alone: whoever boots something else can
// extend it by the same values from there. PCR 4, in which firmware notes each program before that runs, shuts that out.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "blindbox/base/digest.h"

namespace blindbox::measure {

constexpr std::size_t kUkiCap = std::size_t{1} << 30;

struct UkiMeasurement {
  base::Sha256 pcr11{};               // when the kernel takes over, before any phase of the boot
  std::vector<std::string> sections;  // those measured, in order
  base::Sha256 authenticode{};        // of the whole image, as firmware and signatures name it
  // When firmware's first boot option is this image and nothing ran before it: no shim, no boot menu, no failed option
  // (TCG, PC Client Platform Firmware Profile, "PCR[4]"). OVMF and stubs up to 257 were compared; other firmware may note
  // more. Absent for later stubs, and for a kernel that firmware cannot load.
  std::optional<base::Sha256> pcr4{};
};

// A PE image (Microsoft, "PE Format") with a .linux section. Each section that systemd knows, in its order: its name with
// a NUL, then its contents. ErrorKind::malformed for what is no such image.
[[nodiscard]] Result<UkiMeasurement> measure_uki(ByteView image);

// Extends once more: by the name of a phase, "enter-initrd", "leave-initrd", "sysinit" or "ready", as systemd-pcrphase
// does while it boots.
[[nodiscard]] base::Sha256 extend_pcr(const base::Sha256& pcr, ByteView item);

}  // namespace blindbox::measure
