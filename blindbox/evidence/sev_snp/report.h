// SPDX-License-Identifier: Apache-2.0
// SEV-SNP ATTESTATION_REPORT: bytes to claims that nobody has verified (AMD 56860 rev. 1.58, Table 23).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

#include "blindbox/base/bytes.h"

namespace blindbox::evidence::sev_snp {

enum class Product { milan, genoa, turin };
inline constexpr std::array kProducts = {Product::milan, Product::genoa, Product::turin};
[[nodiscard]] std::string_view product_name(Product product);  // "Milan", "Genoa", "Turin"
[[nodiscard]] std::optional<Product> product_from_name(std::string_view name);
// Family and model as the report holds them: the extended parts already added.
[[nodiscard]] std::optional<Product> product_from_cpuid(std::uint8_t family, std::uint8_t model);

inline constexpr std::size_t kReportSize = 1184;
// The signature covers the raw bytes before it.
inline constexpr std::size_t kSignedSize = 0x2A0;

// Security patch levels of the parts of the TCB. fmc exists on Turin alone.
struct Tcb {
  std::uint8_t fmc = 0;
  std::uint8_t bootloader = 0;
  std::uint8_t tee = 0;
  std::uint8_t snp = 0;
  std::uint8_t microcode = 0;
  bool operator==(const Tcb&) const = default;
  // True when every part is at least floor's: the order is partial.
  [[nodiscard]] bool at_least(const Tcb& floor) const;
};
// TCB_VERSION (Table 3): Turin puts FMC first, the others the boot loader.
[[nodiscard]] Tcb decode_tcb(std::uint64_t raw, Product product);
[[nodiscard]] std::uint64_t encode_tcb(const Tcb& tcb, Product product);

struct FirmwareVersion {
  std::uint8_t build = 0;
  std::uint8_t minor = 0;
  std::uint8_t major = 0;
  bool operator==(const FirmwareVersion&) const = default;
  [[nodiscard]] bool at_least(const FirmwareVersion& floor) const;
};

// Guest policy bits (Table 10).
inline constexpr std::uint64_t kPolicySmt = std::uint64_t{1} << 16;
inline constexpr std::uint64_t kPolicyReserved1 = std::uint64_t{1} << 17;  // must be one
inline constexpr std::uint64_t kPolicyMigrateMa = std::uint64_t{1} << 18;
inline constexpr std::uint64_t kPolicyDebug = std::uint64_t{1} << 19;
inline constexpr std::uint64_t kPolicySingleSocket = std::uint64_t{1} << 20;
inline constexpr std::uint64_t kPolicyCxlAllow = std::uint64_t{1} << 21;
inline constexpr std::uint64_t kPolicyAes256Xts = std::uint64_t{1} << 22;
inline constexpr std::uint64_t kPolicyRaplDisabled = std::uint64_t{1} << 23;
inline constexpr std::uint64_t kPolicyCiphertextHiding = std::uint64_t{1} << 24;
inline constexpr std::uint64_t kPolicyPageSwapDisabled = std::uint64_t{1} << 25;
inline constexpr std::uint64_t kPolicyMbz = ~((std::uint64_t{1} << 26) - 1);

enum class SigningKey : std::uint8_t { vcek = 0, vlek = 1, none = 7 };

// Every field by its name in Table 23. cpuid_* from version 3, *_mit_vector from version 5 on.
struct UnverifiedReport {
  std::uint32_t version = 0;
  std::uint32_t guest_svn = 0;
  std::uint64_t policy = 0;
  ByteArray<16> family_id{};
  ByteArray<16> image_id{};
  std::uint32_t vmpl = 0;
  std::uint32_t signature_algo = 0;
  std::uint64_t current_tcb = 0;
  std::uint64_t platform_info = 0;
  bool author_key_en = false;
  bool mask_chip_key = false;
  std::uint8_t signing_key = 0;  // a SigningKey, or a value that no check accepts
  ByteArray<64> report_data{};
  ByteArray<48> measurement{};
  ByteArray<32> host_data{};
  ByteArray<48> id_key_digest{};
  ByteArray<48> author_key_digest{};
  ByteArray<32> report_id{};
  ByteArray<32> report_id_ma{};
  std::uint64_t reported_tcb = 0;
  std::optional<std::uint8_t> cpuid_family;
  std::optional<std::uint8_t> cpuid_model;
  std::optional<std::uint8_t> cpuid_stepping;
  ByteArray<64> chip_id{};
  std::uint64_t committed_tcb = 0;
  FirmwareVersion current_firmware;
  FirmwareVersion committed_firmware;
  std::uint64_t launch_tcb = 0;
  std::optional<std::uint64_t> launch_mit_vector;
  std::optional<std::uint64_t> current_mit_vector;
  // ECDSA P-384 with SHA-384 (Table 139): little-endian, 72 bytes each.
  ByteArray<72> signature_r{};
  ByteArray<72> signature_s{};

  // From CPUID family and model where the report carries them, else unknown.
  [[nodiscard]] std::optional<Product> product() const;
};

// The first field of a report: what its layout depends on. 0 where there are fewer than four bytes.
[[nodiscard]] std::uint32_t report_version(ByteView bytes);
// Malformed: anything but 2 to 5, with a hint.
[[nodiscard]] Result<void> check_report_version(std::uint32_t version);

// Malformed: another size, a version other than 2, 3 and 5 (4 is read as 3), reserved bytes or bits that are not
// zero, policy bit 17 clear.
[[nodiscard]] Result<UnverifiedReport> parse_report(ByteView bytes);

}  // namespace blindbox::evidence::sev_snp
