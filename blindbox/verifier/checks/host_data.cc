// SPDX-License-Identifier: Apache-2.0
// Was the guest launched with the configuration that the data owner reviewed? On Azure, HOST_DATA is the hash of the
// container policy.
#include <algorithm>

#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier::checks {
namespace {

using internal::Answer;
using internal::AppraiseContext;

Answer judge(const AppraiseContext& context) {
  const ByteArray<32>& found = context.report.claims().host_data;
  const auto& accepted = context.policy.sev_snp.host_data;
  if (!accepted) return internal::not_requested("any", base::to_hex(found));
  std::string expected;
  for (const auto& value : *accepted) expected += (expected.empty() ? "" : " or ") + base::to_hex(value);
  if (expected.empty()) expected = "no host data is accepted: sev_snp.host_data is empty";
  const bool known = std::find(accepted->begin(), accepted->end(), found) != accepted->end();
  return internal::answer(known, std::move(expected), base::to_hex(found));
}

}  // namespace

constinit const AppraiseCheck kHostData{"sev_snp.host_data", "AMD 56860 rev. 1.58, Table 23, HOST_DATA",
                                        "the host data is not in the policy", "", &judge};

}  // namespace blindbox::verifier::checks
