// SPDX-License-Identifier: Apache-2.0
// Which chip is it, and is it one of ours? Without the first question, a certificate of one chip could stand beside
// the report of another; the second is the one defence against a genuine machine in an attacker's hands.
#include <algorithm>

#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier::checks {
namespace {

using evidence::sev_snp::SigningKey;
using internal::answer;
using internal::Answer;
using internal::AppraiseContext;
using internal::AuthenticateContext;

Answer judge_hwid(const AuthenticateContext& context) {
  const ByteArray<64>& chip_id = context.report.chip_id;
  const std::string actual = base::to_hex(chip_id);
  if (!context.leaf || !context.chain) return answer(false, "the certificate's HWID", actual);
  if (context.chain->kind == SigningKey::vlek) {
    return answer(base::all_zero(chip_id), "zero beside a VLEK", actual);
  }
  // 64 bytes, or 8 on Turin with zeros behind them.
  const Bytes& hwid = context.leaf->hwid;
  ByteArray<64> expected{};
  std::copy_n(hwid.begin(), std::min(hwid.size(), expected.size()), expected.begin());
  return answer(!base::all_zero(expected) && chip_id == expected, base::to_hex(expected), actual);
}

Answer judge_allowed(const AppraiseContext& context) {
  const ByteArray<64>& chip_id = context.report.claims().chip_id;
  const auto& allowed = context.policy.sev_snp.chip_ids;
  if (!allowed) return internal::not_requested("any chip", base::to_hex(chip_id));
  const bool known = !base::all_zero(chip_id) && std::find(allowed->begin(), allowed->end(), chip_id) != allowed->end();
  return answer(known, "one of " + std::to_string(allowed->size()) + " chips in sev_snp.chip_ids",
                base::to_hex(chip_id));
}

}  // namespace

constinit const AuthenticateCheck kChipId{"sev_snp.chip_id",
                                          "AMD 56860 rev. 1.58, Table 23, CHIP_ID; AMD 57230, HWID",
                                          "the report comes from another chip than its certificate",
                                          "",
                                          &judge_hwid,
                                          "Refuses a certificate of one chip beside a report of another."};
constinit const AppraiseCheck kChipIdAllowed{"sev_snp.chip_id.allowed",
                                             "AMD 56860 rev. 1.58, Table 23, CHIP_ID",
                                             "the chip is not in the policy",
                                             "",
                                             &judge_allowed,
                                             "Refuses a genuine machine in wrong hands, where the policy lists chips."};

}  // namespace blindbox::verifier::checks
