// SPDX-License-Identifier: Apache-2.0
// Was the report made for this channel, after our nonce? Without this question genuine evidence of yesterday, or of
// somebody else's connection, would pass.
#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier::checks {
namespace {

using internal::answer;
using internal::Answer;
using internal::AppraiseContext;

Answer judge(const AppraiseContext& context) {
  const ByteArray<64>& found = context.report.claims().report_data;
  if (context.subject.evidence.azure_vm) {
    // The paravisor's, over its claims: azure.vm.report_data compares it, and azure.vm.quote.freshness stands in here.
    return internal::not_requested("the paravisor's: see azure.vm.quote.freshness", base::to_hex(found));
  }
  const auto& expected = context.subject.expected_report_data;
  if (expected) {
    return answer(base::constant_time_equal(*expected, found), base::to_hex(*expected), base::to_hex(found));
  }
  if (context.subject.freshness_not_requested) {
    return internal::not_requested("judged away from any channel: freshness unknown", base::to_hex(found));
  }
  return answer(false, "a value from the channel, which is missing", base::to_hex(found));
}

}  // namespace

constinit const AppraiseCheck kReportData{
    "sev_snp.report_data",
    "docs/protocol.md, M2; AMD 56860 rev. 1.58, Table 23, REPORT_DATA",
    "the evidence was not made for this connection",
    "somebody between you and the server may be ending TLS; do not send anything",
    &judge,
    "Refuses replayed evidence, and a relay that ends TLS; not asked only away from a channel, by name."};

}  // namespace blindbox::verifier::checks
