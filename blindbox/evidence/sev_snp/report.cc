// SPDX-License-Identifier: Apache-2.0
#include "blindbox/evidence/sev_snp/report.h"

#include <algorithm>
#include <array>
#include <tuple>

#include "blindbox/base/reader.h"

namespace blindbox::evidence::sev_snp {
namespace {

using base::fail;
using base::Reader;

// Reads ATTESTATION_REPORT field by field and remembers the first rule that the bytes break.
class Parser {
 public:
  explicit Parser(ByteView bytes) : reader_(bytes) {}

  Result<UnverifiedReport> parse() {
    identity();
    if (auto version = check_report_version(report_.version); !version) return base::pass_on(version);
    launch_and_platform();
    platform_firmware();
    signature();
    if (!problem_.empty()) {
      return fail(ErrorKind::malformed, "malformed SEV-SNP report: " + problem_);
    }
    if (!reader_.ok() || reader_.remaining() != 0) {
      return fail(ErrorKind::internal, "the SEV-SNP report layout does not add up to its size");
    }
    return report_;
  }

 private:
  void must(bool holds, const char* rule) {
    if (!holds && problem_.empty()) problem_ = rule;
  }
  void must_be_zero(std::size_t length, const char* rule) { must(base::all_zero(reader_.take(length)), rule); }

  void identity() {  // 0x000 to 0x04F
    report_.version = reader_.u32le();
    report_.guest_svn = reader_.u32le();
    report_.policy = reader_.u64le();
    must((report_.policy & kPolicyReserved1) != 0, "POLICY bit 17 is not one");
    must((report_.policy & kPolicyMbz) == 0, "POLICY bits 63 to 26 are not zero");
    report_.family_id = reader_.array<16>();
    report_.image_id = reader_.array<16>();
    report_.vmpl = reader_.u32le();
    report_.signature_algo = reader_.u32le();
    report_.current_tcb = reader_.u64le();
    // Bits 63 to 8 are "reserved" without "must be zero": newer firmware says more there, to those who ask. Real
    // Genoa and Turin reports set bits 5 and 6.
    report_.platform_info = reader_.u64le();
    const std::uint32_t flags = reader_.u32le();
    report_.author_key_en = (flags & 1U) != 0;
    report_.mask_chip_key = (flags & 2U) != 0;
    report_.signing_key = static_cast<std::uint8_t>(flags >> 2U & 7U);
    must(flags >> 5U == 0, "bits 31 to 5 at offset 048h are not zero");
    must_be_zero(4, "reserved bytes at offset 04Ch are not zero");
  }

  void launch_and_platform() {  // 0x050 to 0x19F
    report_.report_data = reader_.array<64>();
    report_.measurement = reader_.array<48>();
    report_.host_data = reader_.array<32>();
    report_.id_key_digest = reader_.array<48>();
    report_.author_key_digest = reader_.array<48>();
    report_.report_id = reader_.array<32>();
    report_.report_id_ma = reader_.array<32>();
    report_.reported_tcb = reader_.u64le();
    if (report_.version >= 3) {
      report_.cpuid_family = reader_.u8();
      report_.cpuid_model = reader_.u8();
      report_.cpuid_stepping = reader_.u8();
    } else {
      must_be_zero(3, "reserved bytes at offset 188h are not zero");
    }
    must_be_zero(21, "reserved bytes at offset 18Bh are not zero");
  }

  void platform_firmware() {  // 0x1A0 to 0x29F
    report_.chip_id = reader_.array<64>();
    report_.committed_tcb = reader_.u64le();
    report_.current_firmware = firmware_version();
    must_be_zero(1, "the reserved byte at offset 1EBh is not zero");
    report_.committed_firmware = firmware_version();
    must_be_zero(1, "the reserved byte at offset 1EFh is not zero");
    report_.launch_tcb = reader_.u64le();
    if (report_.version >= 5) {
      report_.launch_mit_vector = reader_.u64le();
      report_.current_mit_vector = reader_.u64le();
    } else if (report_.version == 4) {
      // AMD never published version 4, and real Milan machines report it (firmware 1.55.31): it is read as version 3,
      // but where version 5 has its vectors nothing is known that must be zero. The signature covers these bytes.
      (void)reader_.take(16);
    } else {
      must_be_zero(16, "reserved bytes at offset 1F8h are not zero");
    }
    must_be_zero(152, "reserved bytes at offset 208h are not zero");
  }

  void signature() {  // 0x2A0 to 0x49F, Table 139
    report_.signature_r = reader_.array<72>();
    report_.signature_s = reader_.array<72>();
    must_be_zero(368, "reserved bytes of the signature are not zero");
  }

  FirmwareVersion firmware_version() {
    FirmwareVersion version;
    version.build = reader_.u8();
    version.minor = reader_.u8();
    version.major = reader_.u8();
    return version;
  }

  Reader reader_;
  UnverifiedReport report_;
  std::string problem_;
};

// Which byte of TCB_VERSION holds which part (Table 3).
struct TcbLayout {
  unsigned bootloader, tee, snp, microcode;
};
constexpr TcbLayout layout(Product product) {
  return product == Product::turin ? TcbLayout{1, 2, 3, 7} : TcbLayout{0, 1, 6, 7};
}

}  // namespace

std::string_view product_name(Product product) {
  switch (product) {
    case Product::milan: return "Milan";
    case Product::genoa: return "Genoa";
    case Product::turin: return "Turin";
  }
  return "unknown";
}

std::optional<Product> product_from_name(std::string_view name) {
  for (const Product product : kProducts) {
    if (product_name(product) == name) return product;
  }
  return std::nullopt;
}

std::optional<Product> product_from_cpuid(std::uint8_t family, std::uint8_t model) {
  if (family == 0x19 && model <= 0x0F) return Product::milan;
  if (family == 0x19 && model >= 0x10 && model <= 0x1F) return Product::genoa;
  // Siena and Bergamo: other silicon, Genoa's keys.
  if (family == 0x19 && model >= 0xA0 && model <= 0xAF) return Product::genoa;
  if (family == 0x1A && model <= 0x1F) return Product::turin;
  return std::nullopt;
}

std::optional<Product> UnverifiedReport::product() const {
  if (!cpuid_family || !cpuid_model) return std::nullopt;
  return product_from_cpuid(*cpuid_family, *cpuid_model);
}

bool Tcb::at_least(const Tcb& floor) const {
  return fmc >= floor.fmc && bootloader >= floor.bootloader && tee >= floor.tee && snp >= floor.snp &&
         microcode >= floor.microcode;
}

bool FirmwareVersion::at_least(const FirmwareVersion& floor) const {
  return std::tie(major, minor, build) >= std::tie(floor.major, floor.minor, floor.build);
}

Tcb decode_tcb(std::uint64_t raw, Product product) {
  const auto part = [raw](unsigned index) { return static_cast<std::uint8_t>(raw >> (8 * index)); };
  const TcbLayout at = layout(product);
  return {.fmc = product == Product::turin ? part(0) : std::uint8_t{0},
          .bootloader = part(at.bootloader),
          .tee = part(at.tee),
          .snp = part(at.snp),
          .microcode = part(at.microcode)};
}

std::uint64_t encode_tcb(const Tcb& tcb, Product product) {
  const auto part = [](std::uint8_t value, unsigned index) { return std::uint64_t{value} << (8 * index); };
  const TcbLayout at = layout(product);
  return (product == Product::turin ? part(tcb.fmc, 0) : 0) | part(tcb.bootloader, at.bootloader) |
         part(tcb.tee, at.tee) | part(tcb.snp, at.snp) | part(tcb.microcode, at.microcode);
}

std::uint32_t report_version(ByteView bytes) { return Reader(bytes).u32le(); }

Result<void> check_report_version(std::uint32_t version) {
  if (version >= 2 && version <= 5) return {};
  const std::string what = "SEV-SNP report version " + std::to_string(version) + " is not accepted";
  if (version < 2) {
    return fail(ErrorKind::malformed, what, "versions 2 to 5 are known",
                "version 1 comes from development tools that fake reports, never from hardware of today");
  }
  return fail(ErrorKind::malformed, what, "versions 2 to 5 are known", "a newer blindbox may know it");
}

Result<UnverifiedReport> parse_report(ByteView bytes) {
  if (bytes.size() != kReportSize) {
    return fail(ErrorKind::malformed, "an SEV-SNP report has " + std::to_string(kReportSize) + " bytes, this one has " +
                                          std::to_string(bytes.size()));
  }
  return Parser(bytes).parse();
}

}  // namespace blindbox::evidence::sev_snp
