// SPDX-License-Identifier: Apache-2.0
// Is it the software that the data owner reviewed? A policy that lists no measurement accepts none.
#include <algorithm>

#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier::checks {
namespace {

using internal::Answer;
using internal::AppraiseContext;

Answer judge(const AppraiseContext& context) {
  const ByteArray<48>& found = context.report.claims().measurement;
  const auto& accepted = context.policy.sev_snp.measurements;
  std::string expected;
  for (const auto& measurement : accepted) expected += (expected.empty() ? "" : " or ") + base::to_hex(measurement);
  if (expected.empty()) expected = "no measurement is accepted: sev_snp.measurements is empty";
  const bool known = std::find(accepted.begin(), accepted.end(), found) != accepted.end();
  return internal::answer(known, std::move(expected), base::to_hex(found));
}

}  // namespace

constinit const AppraiseCheck kMeasurement{"sev_snp.measurement", "AMD 56860 rev. 1.58, Table 23, MEASUREMENT",
                                           "the measurement is not in the policy",
                                           "review what changed in the server's release before adding it to "
                                           "sev_snp.measurements",
                                           &judge};

}  // namespace blindbox::verifier::checks
