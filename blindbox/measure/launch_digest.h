// SPDX-License-Identifier: Apache-2.0
// The digest that a SEV guest is launched with, from what it is launched with: the firmware, what the hypervisor adds
// for a direct boot, and the state of the vCPUs. AMD 56860 (SEV-SNP Firmware ABI), section 8.17, and for SEV and SEV-ES
// AMD 55766, section 6.4. The same answers as sev-snp-measure gives.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "blindbox/base/digest.h"

namespace blindbox::measure {

constexpr std::size_t kFirmwareCap = std::size_t{64} << 20;

enum class SevMode { sev, sev_es, sev_snp };
// Whose initial vCPU state; they differ in a few registers, and in what they do with pages that firmware asks for.
enum class Hypervisor { qemu, ec2, gce };

// What QEMU puts into a page for the firmware to compare (-kernel, -initrd, -append).
struct DirectBoot {
  base::Sha256 kernel{};
  base::Sha256 initrd{};   // of nothing where there is none
  base::Sha256 cmdline{};  // with the NUL that ends it: see hash_cmdline
};
[[nodiscard]] base::Sha256 hash_cmdline(std::string_view cmdline);

// Coconut's SVSM, as QEMU loads it beside the firmware (not an IGVM file): it runs first, in VMPL 0.
struct Svsm {
  ByteView image{};             // whole pages, with a GUID table as firmware has, and its own metadata
  std::uint64_t variables = 0;  // bytes of the firmware's variables, which lie between the two; whole pages
};

struct LaunchInput {
  SevMode mode = SevMode::sev_snp;
  Hypervisor hypervisor = Hypervisor::qemu;
  std::uint32_t vcpus = 1;           // 1 to 4096
  std::uint32_t cpu_signature = 0;   // CPUID Fn0000_0001_EAX; only QEMU tells the guest
  std::uint64_t guest_features = 1;  // SEV_FEATURES; bit 0 is SNP, and all that there is under an SVSM
  std::optional<DirectBoot> kernel;
  // In place of the firmware's pages (firmware_digest of another build with the same metadata); SEV-SNP alone.
  std::optional<base::Sha384> firmware;
  std::optional<Svsm> svsm;  // SEV-SNP and QEMU alone, and neither kernel nor firmware beside it
};

// 48 bytes for SEV-SNP, 32 for SEV and SEV-ES. ErrorKind::malformed for firmware that is none or lacks what the input
// needs, ErrorKind::usage for an input that makes no sense.
[[nodiscard]] Result<Bytes> launch_digest(ByteView firmware, const LaunchInput& input);
// The digest after the firmware's own pages.
[[nodiscard]] Result<base::Sha384> firmware_digest(ByteView firmware);

// The signature of a CPU model of QEMU's, such as "EPYC-Milan". ErrorKind::usage for others.
[[nodiscard]] Result<std::uint32_t> cpu_signature(std::string_view name);
[[nodiscard]] std::vector<std::string_view> cpu_names();
// Of any CPU: family up to 270, model up to 255, stepping up to 15. ErrorKind::usage beyond.
[[nodiscard]] Result<std::uint32_t> cpu_signature(std::uint32_t family, std::uint32_t model, std::uint32_t stepping);

}  // namespace blindbox::measure
