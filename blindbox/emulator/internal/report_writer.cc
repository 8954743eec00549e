// SPDX-License-Identifier: Apache-2.0
#include "blindbox/emulator/internal/report_writer.h"

#include <algorithm>

#include "blindbox/emulator/internal/must.h"

namespace blindbox::emulator::internal {
namespace {

using base::uchars;
using evidence::sev_snp::encode_tcb;
using evidence::sev_snp::kReportSize;
using evidence::sev_snp::kSignedSize;

class Writer {
 public:
  explicit Writer(Bytes& out) : out_(out) {}
  void bytes(std::size_t offset, ByteView value) {
    std::copy(value.begin(), value.end(), out_.begin() + static_cast<std::ptrdiff_t>(offset));
  }
  void u64(std::size_t offset, std::uint64_t value, std::size_t width = 8) {
    for (std::size_t i = 0; i < width; ++i) out_.at(offset + i) = static_cast<std::byte>(value >> (8 * i));
  }
  void u32(std::size_t offset, std::uint32_t value) { u64(offset, value, 4); }
  void u8(std::size_t offset, std::uint8_t value) { u64(offset, value, 1); }
  void firmware(std::size_t offset, const FirmwareVersion& version) {
    u8(offset, version.build);
    u8(offset + 1, version.minor);
    u8(offset + 2, version.major);
  }

 private:
  Bytes& out_;
};

// The first of each product to be sold with SEV-SNP: what CPUID leaf 1 says there.
struct Cpuid {
  std::uint8_t family, model, stepping;
};
Cpuid usual_cpuid(Product product) {
  switch (product) {
    case Product::milan: return {0x19, 0x01, 0x01};
    case Product::genoa: return {0x19, 0x11, 0x01};
    case Product::turin: return {0x1a, 0x02, 0x01};
  }
  return {};
}

void write_versions(Writer& to, const Guest& guest) {
  const Tcb current = current_tcb_of(guest);
  const auto usual = usual_firmware(guest.product);
  to.u64(0x38, encode_tcb(current, guest.product));
  to.u64(0x180, encode_tcb(reported_tcb_of(guest), guest.product));
  to.u64(0x1E0, encode_tcb(guest.committed_tcb.value_or(current), guest.product));
  to.u64(0x1F0, encode_tcb(guest.launch_tcb.value_or(current), guest.product));
  to.firmware(0x1E8, guest.current_firmware.value_or(usual));
  to.firmware(0x1EC, guest.committed_firmware.value_or(guest.current_firmware.value_or(usual)));
  if (guest.version >= 3) {
    const Cpuid cpuid = usual_cpuid(guest.product);
    to.u8(0x188, guest.cpuid_family.value_or(cpuid.family));
    to.u8(0x189, guest.cpuid_model.value_or(cpuid.model));
    to.u8(0x18A, guest.cpuid_stepping.value_or(cpuid.stepping));
  }
  if (guest.version >= 5) {
    to.u64(0x1F8, guest.launch_mit_vector);
    to.u64(0x200, guest.current_mit_vector);
  }
}

}  // namespace

Bytes write_report(const Guest& guest, const ByteArray<64>& chip_id, const ByteArray<64>& report_data) {
  Bytes report(kReportSize);
  Writer to(report);
  to.u32(0x00, guest.version);
  to.u32(0x04, guest.guest_svn);
  to.u64(0x08, guest.policy);
  to.bytes(0x10, guest.family_id);
  to.bytes(0x20, guest.image_id);
  to.u32(0x30, guest.vmpl);
  to.u32(0x34, guest.signature_algo);
  to.u64(0x40, guest.platform_info);
  to.u32(0x48, (guest.author_key_en ? 1U : 0U) | (guest.mask_chip_key ? 2U : 0U) |
                   (static_cast<std::uint32_t>(guest.signing_key) & 7U) << 2);
  to.bytes(0x50, report_data);
  to.bytes(0x90, measurement_of(guest));
  to.bytes(0xC0, guest.host_data);
  to.bytes(0xE0, guest.id_key_digest);
  to.bytes(0x110, guest.author_key_digest);
  to.bytes(0x140, guest.report_id);
  ByteArray<32> no_agent{};
  no_agent.fill(std::byte{0xff});
  to.bytes(0x160, guest.report_id_ma.value_or(no_agent));
  to.bytes(0x1A0, chip_id);
  write_versions(to, guest);
  return report;
}

void sign_report(Bytes& report, EVP_PKEY* key) {
  const openssl::DigestContext context(must_have(EVP_MD_CTX_new(), "make a digest context"));
  const ByteView body = ByteView(report).first(kSignedSize);
  std::size_t length = 0;
  must(EVP_DigestSignInit(context.get(), nullptr, EVP_sha384(), nullptr, key) == 1 &&
           EVP_DigestSign(context.get(), nullptr, &length, uchars(body), body.size()) == 1,
       "prepare a signature");
  Bytes der(length);
  must(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(der.data()), &length, uchars(body),
                      body.size()) == 1,
       "sign a report");
  const unsigned char* at = uchars(der);
  const openssl::EcdsaSignature signature(
      must_have(d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(length)), "read a signature"));
  auto* r = reinterpret_cast<unsigned char*>(report.data() + kSignedSize);
  must(BN_bn2lebinpad(ECDSA_SIG_get0_r(signature.get()), r, 72) == 72 &&
           BN_bn2lebinpad(ECDSA_SIG_get0_s(signature.get()), r + 72, 72) == 72,
       "write a signature");
}

}  // namespace blindbox::emulator::internal
