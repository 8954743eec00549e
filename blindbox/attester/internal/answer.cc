// SPDX-License-Identifier: Apache-2.0
#include "blindbox/attester/internal/answer.h"

#include "blindbox/evidence/sev_snp/certificate_table.h"
#include "blindbox/evidence/sev_snp/report.h"

namespace blindbox::attester::internal {

Result<evidence::Evidence> make_evidence(Bytes report, const ByteArray<64>& report_data, ByteView certificate_table,
                                         const std::string& source) {
  constexpr std::size_t kReportDataOffset = 0x50;  // AMD 56860, Table 23
  if (report.size() != evidence::sev_snp::kReportSize) {
    return base::fail(
        ErrorKind::platform, source + " answered with a report of the wrong length",
        "expected " + std::to_string(evidence::sev_snp::kReportSize) + " bytes, got " + std::to_string(report.size()));
  }
  if (!base::constant_time_equal(ByteView(report).subspan(kReportDataOffset, 64), report_data)) {
    return base::fail(ErrorKind::platform, source + " answered with a report about other report data");
  }
  auto table = evidence::sev_snp::parse_certificate_table(certificate_table);
  if (!table) return base::pass_on(table);
  evidence::Evidence evidence;
  evidence.report = std::move(report);
  evidence.certificates = std::move(table->certificates);
  evidence.crls = std::move(table->crls);
  return evidence;
}

}  // namespace blindbox::attester::internal
