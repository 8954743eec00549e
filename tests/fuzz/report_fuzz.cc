// SPDX-License-Identifier: Apache-2.0
// A report that parses holds, field by field at the offsets of Table 23, exactly the input's bytes: nothing of the
// signed part is left unread, so no two inputs read as the same report. Version 4 alone has bytes that mean nothing here
// and may hold anything (docs/checks.md).
#include <algorithm>

#include "blindbox/evidence/sev_snp/report.h"
#include "tests/fuzz/fuzz.h"

namespace {

using blindbox::Bytes;
using blindbox::evidence::sev_snp::FirmwareVersion;
using blindbox::evidence::sev_snp::UnverifiedReport;

class Writer {
 public:
  void number(std::size_t offset, std::uint64_t value, std::size_t width) {
    for (std::size_t i = 0; i < width; ++i) bytes_[offset + i] = static_cast<std::byte>(value >> (8 * i) & 0xFFU);
  }
  template <std::size_t N>
  void array(std::size_t offset, const blindbox::ByteArray<N>& value) {
    std::copy(value.begin(), value.end(), bytes_.begin() + static_cast<std::ptrdiff_t>(offset));
  }
  void firmware(std::size_t offset, const FirmwareVersion& value) {
    number(offset, value.build, 1), number(offset + 1, value.minor, 1), number(offset + 2, value.major, 1);
  }
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }

 private:
  Bytes bytes_ = Bytes(blindbox::evidence::sev_snp::kReportSize);
};

Bytes write(const UnverifiedReport& r) {
  Writer out;
  out.number(0x00, r.version, 4), out.number(0x04, r.guest_svn, 4), out.number(0x08, r.policy, 8);
  out.array(0x10, r.family_id), out.array(0x20, r.image_id);
  out.number(0x30, r.vmpl, 4), out.number(0x34, r.signature_algo, 4), out.number(0x38, r.current_tcb, 8);
  out.number(0x40, r.platform_info, 8);
  out.number(0x48, (r.author_key_en ? 1U : 0U) | (r.mask_chip_key ? 2U : 0U) | unsigned{r.signing_key} << 2U, 4);
  out.array(0x50, r.report_data), out.array(0x90, r.measurement), out.array(0xC0, r.host_data);
  out.array(0xE0, r.id_key_digest), out.array(0x110, r.author_key_digest), out.array(0x140, r.report_id);
  out.array(0x160, r.report_id_ma), out.number(0x180, r.reported_tcb, 8);
  out.number(0x188, r.cpuid_family.value_or(0), 1), out.number(0x189, r.cpuid_model.value_or(0), 1);
  out.number(0x18A, r.cpuid_stepping.value_or(0), 1), out.array(0x1A0, r.chip_id);
  out.number(0x1E0, r.committed_tcb, 8), out.firmware(0x1E8, r.current_firmware);
  out.firmware(0x1EC, r.committed_firmware), out.number(0x1F0, r.launch_tcb, 8);
  out.number(0x1F8, r.launch_mit_vector.value_or(0), 8), out.number(0x200, r.current_mit_vector.value_or(0), 8);
  out.array(0x2A0, r.signature_r), out.array(0x2E8, r.signature_s);
  return out.bytes();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const blindbox::ByteView input = blindbox::fuzz::input(data, size);
  const auto report = blindbox::evidence::sev_snp::parse_report(input);
  if (!report) return 0;
  Bytes written = write(*report);
  if (report->version == 4) std::copy_n(input.begin() + 0x1F8, 16, written.begin() + 0x1F8);
  blindbox::fuzz::must(std::ranges::equal(written, input), "a report writes back as it was read");
  return 0;
}
