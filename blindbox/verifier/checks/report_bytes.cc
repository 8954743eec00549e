// SPDX-License-Identifier: Apache-2.0
// Is this an attestation report of a layout that we know? Table 23 says where everything stands, and that what is
// reserved must be zero: a report that breaks the rule was not made by the firmware whose layout we read.
#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier::checks {
namespace {

using internal::answer;
using internal::Answer;
using internal::ParseContext;

Answer judge_size(const ParseContext& context) {
  const std::size_t size = context.bytes.size();
  return answer(size == evidence::sev_snp::kReportSize, std::to_string(evidence::sev_snp::kReportSize) + " bytes",
                std::to_string(size) + " bytes");
}

Answer judge_version(const ParseContext& context) {
  const std::uint32_t version = evidence::sev_snp::report_version(context.bytes);
  return answer(evidence::sev_snp::check_report_version(version).has_value(), "2 to 5", std::to_string(version));
}

Answer judge_layout(const ParseContext& context) {
  return answer(context.report.has_value(), "reserved bits as Table 23 wants them",
                context.report ? "so they are" : context.report.error().what);
}

}  // namespace

constinit const ParseCheck kReportSize{"sev_snp.report.size",
                                       "AMD 56860 rev. 1.58, Table 23",
                                       "the attestation report has a wrong size",
                                       "",
                                       &judge_size,
                                       "Keeps the verifier from reading past or short of a report."};
constinit const ParseCheck kReportVersion{
    "sev_snp.report.version",
    "AMD 56860 rev. 1.58, Table 23, VERSION",
    "the attestation report has a version that is not accepted",
    "version 1 comes from development tools that fake reports; a newer one than 5 needs a newer blindbox",
    &judge_version,
    "Refuses version 1 reports, which tools fake, and layouts that this program does not know."};
constinit const ParseCheck kReportLayout{"sev_snp.report.layout",
                                         "AMD 56860 rev. 1.58, Tables 10, 23 and 139",
                                         "the attestation report breaks its layout",
                                         "",
                                         &judge_layout,
                                         "Refuses meaning hidden in reserved bytes, and a policy without its bit 17."};

}  // namespace blindbox::verifier::checks
