// SPDX-License-Identifier: Apache-2.0
// SEV-SNP reports as drivers and tools hand them out, the host's certificate table, and our own bundle.
#include "blindbox/evidence/sev_snp/report.h"

#include "blindbox/base/reader.h"
#include "blindbox/evidence/bundle.h"
#include "blindbox/evidence/sev_snp/certificate_table.h"
#include "blindbox/intake/internal/recognise.h"
#include "blindbox/intake/internal/text.h"

namespace blindbox::intake::internal {
namespace {

using evidence::sev_snp::kReportSize;

constexpr std::uint32_t kGreatestVersion = 255;      // far above any real one: the verifier names those that it knows
constexpr std::size_t kSignatureAlgorithmAt = 0x34;  // AMD 56860, Table 23
constexpr std::uint32_t kEcdsaP384 = 1;
constexpr std::size_t kResponseHeader = 32;  // AMD 56860, Table 26: STATUS, REPORT_SIZE, reserved

// The report, and whatever stands behind it: nothing, the buffer's unused rest, a line's end, or certificates in any form.
Result<bool> take_report(ByteView bytes, const Reading& reading) {
  const ByteView rest = bytes.subspan(kReportSize);
  if (!base::all_zero(rest) && !without_line_end(rest).empty()) {
    auto known = recognise(rest, reading.inside());
    if (!known || !*known) return known;
  }
  if (const auto taken = reading.collector.take(Part::report, bytes.first(kReportSize)); !taken) {
    return tl::unexpected<Error>(taken.error());
  }
  return true;
}

}  // namespace

Result<bool> read_report(ByteView bytes, const Reading& reading) {
  if (bytes.size() == kReportSize) return take_report(bytes, reading);
  if (bytes.size() < kReportSize || evidence::sev_snp::report_version(bytes) > kGreatestVersion) return false;
  base::Reader algorithm(bytes.subspan(kSignatureAlgorithmAt, 4));
  if (evidence::sev_snp::report_version(bytes) == 0 || algorithm.u32le() != kEcdsaP384) return false;
  return take_report(bytes, reading);
}

Result<bool> read_firmware_response(ByteView bytes, const Reading& reading) {
  if (bytes.size() < kResponseHeader + kReportSize) return false;
  base::Reader header(bytes);
  const std::uint32_t status = header.u32le();
  if (header.u32le() != kReportSize || !base::all_zero(header.take(24))) return false;
  if (status != 0) {
    return broken(reading, "the firmware refused the request for a report with status " + std::to_string(status));
  }
  return take_report(bytes.subspan(kResponseHeader), reading);
}

Result<bool> read_certificate_table(ByteView bytes, const Reading& reading) {
  const bool begun = evidence::sev_snp::begins_certificate_table(bytes);
  if (!begun && bytes.size() > evidence::sev_snp::kCertificateTableCap) return false;
  const auto table = evidence::sev_snp::parse_certificate_table(bytes);
  if (!table && begun) return broken(reading, table.error().what);
  if (!table || (table->certificates.empty() && table->crls.empty())) return false;
  for (const Bytes& certificate : table->certificates) {
    if (const auto taken = reading.collector.take_certificate(certificate); !taken) {
      return tl::unexpected<Error>(taken.error());
    }
  }
  for (const Bytes& crl : table->crls) {
    auto known = recognise(crl, reading.inside());
    if (!known) return known;
    if (!*known) return broken(reading, "the certificate table's revocation list is none");
  }
  return true;
}

Result<bool> read_bundle(ByteView bytes, const Reading& reading) {
  // A map of 4 to 9 entries whose first says the platform: {1: "sev-snp", ...
  constexpr std::string_view kStart = "\x01\x67sev-snp";
  const bool map = !bytes.empty() && (bytes[0] >> 5) == std::byte{5};
  if (!map || !base::as_text(bytes.subspan(1)).starts_with(kStart)) return false;
  const auto bundle = evidence::decode_bundle(bytes);
  if (!bundle) return broken(reading, bundle.error().what + ": " + bundle.error().detail);
  const evidence::Evidence& primary = bundle->primary;
  Collector& collector = reading.collector;
  Result<void> taken = collector.take(Part::report, primary.report);
  for (const Bytes& der : primary.certificates) {
    if (taken) taken = collector.take_certificate(der);
  }
  for (const Bytes& der : primary.crls) {
    if (taken) taken = collector.take_crl(der);
  }
  if (taken && !bundle->manifest.empty()) taken = collector.take(Part::manifest, bundle->manifest);
  if (taken && !primary.uvm_endorsement.empty()) {
    taken = collector.take(Part::uvm_endorsement, primary.uvm_endorsement);
  }
  if (!taken) return tl::unexpected<Error>(taken.error());
  return true;
}

}  // namespace blindbox::intake::internal
