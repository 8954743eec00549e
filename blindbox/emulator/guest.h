// SPDX-License-Identifier: Apache-2.0
// What an emulated guest is: every field of a report that a test may want to set, with safe defaults.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "blindbox/base/bytes.h"
#include "blindbox/evidence/sev_snp/report.h"

namespace blindbox::emulator {

using evidence::sev_snp::FirmwareVersion;
using evidence::sev_snp::Product;
using evidence::sev_snp::SigningKey;
using evidence::sev_snp::Tcb;

// PLATFORM_INFO (AMD 56860 rev. 1.58, Table 24).
inline constexpr std::uint64_t kPlatformSmt = std::uint64_t{1} << 0;
inline constexpr std::uint64_t kPlatformEcc = std::uint64_t{1} << 2;
inline constexpr std::uint64_t kPlatformAliasCheckComplete = std::uint64_t{1} << 5;

// "the usual value" where an optional is absent: what a healthy machine of that product reports (usual_tcb and
// friends below), the current TCB for the other TCBs, the product's CPUID, a chip id of the processor's own.
struct Guest {
  Product product = Product::milan;
  std::uint32_t version = 3;  // 2, 3 or 5 are real; any number can be written
  std::uint32_t guest_svn = 0;
  std::uint64_t policy = 0x30000;  // SMT allowed, reserved bit 17, ABI 0.0; no debug, no migration
  ByteArray<16> family_id{};
  ByteArray<16> image_id{};
  std::uint32_t vmpl = 0;  // where the guest runs; a request for a lower number gets this one
  std::uint32_t signature_algo = 1;
  std::optional<Tcb> tcb{};  // current
  std::optional<Tcb> reported_tcb{};
  std::optional<Tcb> committed_tcb{};
  std::optional<Tcb> launch_tcb{};
  // What the leaf certificate says; the reported TCB where absent.
  std::optional<Tcb> certificate_tcb{};
  std::uint64_t platform_info = kPlatformSmt | kPlatformEcc | kPlatformAliasCheckComplete;
  bool author_key_en = false;
  // The flag alone: a real processor would leave the signature out too (that is SigningKey::none here), and then no
  // test could tell a check of the flag from a check of the signature.
  bool mask_chip_key = false;
  SigningKey signing_key = SigningKey::vcek;
  // SHA-384 of "blindbox emulated guest" where absent.
  std::optional<ByteArray<48>> measurement{};
  ByteArray<32> host_data{};
  ByteArray<48> id_key_digest{};
  ByteArray<48> author_key_digest{};
  ByteArray<32> report_id{};
  std::optional<ByteArray<32>> report_id_ma{};  // all ones: no migration agent
  std::optional<std::uint8_t> cpuid_family{};
  std::optional<std::uint8_t> cpuid_model{};
  std::optional<std::uint8_t> cpuid_stepping{};
  std::optional<ByteArray<64>> chip_id{};  // zero under a VLEK, 8 bytes and zeros on Turin
  // What the VCEK's HWID extension says; the chip id where absent.
  std::optional<ByteArray<64>> certificate_hwid{};
  std::optional<FirmwareVersion> current_firmware{};
  std::optional<FirmwareVersion> committed_firmware{};
  std::uint64_t launch_mit_vector = 0x3f;  // written from version 5 on
  std::uint64_t current_mit_vector = 0x3f;
  std::uint64_t leaf_serial = 0;  // AMD's VCEKs all have serial 0
  // Whether the host hands out certificates beside a report; many leave that to whoever asks AMD.
  bool host_certificates = true;
};

// What the real machines in the test vectors reported in 2026.
[[nodiscard]] Tcb usual_tcb(Product product);
[[nodiscard]] FirmwareVersion usual_firmware(Product product);

[[nodiscard]] ByteArray<48> measurement_of(const Guest& guest);
[[nodiscard]] Tcb current_tcb_of(const Guest& guest);
[[nodiscard]] Tcb reported_tcb_of(const Guest& guest);

}  // namespace blindbox::emulator
