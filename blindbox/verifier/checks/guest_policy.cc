// SPDX-License-Identifier: Apache-2.0
// What may the host do to the guest? The firmware enforces the guest policy that the report repeats. Debugging and a
// migration agent give the guest's memory to others: refused by every policy.
#include <fmt/format.h>

#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier::checks {
namespace {

using evidence::sev_snp::kPolicyDebug;
using evidence::sev_snp::kPolicyMigrateMa;
using evidence::sev_snp::kPolicySingleSocket;
using evidence::sev_snp::kPolicySmt;
using internal::answer;
using internal::Answer;
using internal::AppraiseContext;

Answer bit_is(const AppraiseContext& context, std::uint64_t bit, bool wanted) {
  const std::uint64_t policy = context.report.claims().policy;
  const bool found = (policy & bit) != 0;
  return answer(found == wanted, wanted ? "1" : "0", fmt::format("{} (POLICY {:#x})", found ? 1 : 0, policy));
}

Answer judge_debug(const AppraiseContext& context) { return bit_is(context, kPolicyDebug, false); }
Answer judge_migrate_ma(const AppraiseContext& context) { return bit_is(context, kPolicyMigrateMa, false); }

Answer judge_smt(const AppraiseContext& context) {
  const Answer found = bit_is(context, kPolicySmt, false);
  return context.policy.sev_snp.require_smt_disabled ? found : internal::not_requested("any", found.actual);
}

Answer judge_single_socket(const AppraiseContext& context) {
  const Answer found = bit_is(context, kPolicySingleSocket, true);
  return context.policy.sev_snp.require_single_socket ? found : internal::not_requested("any", found.actual);
}

}  // namespace

constinit const AppraiseCheck kDebugDisabled{"sev_snp.policy.debug_disabled", "AMD 56860 rev. 1.58, Table 10, bit 19",
                                             "the guest can be debugged: its host reads its memory", "", &judge_debug};
constinit const AppraiseCheck kMigrateMaDisabled{"sev_snp.policy.migrate_ma_disabled",
                                                 "AMD 56860 rev. 1.58, Table 10, bit 18",
                                                 "the guest may be handed to a migration agent", "", &judge_migrate_ma};
constinit const AppraiseCheck kSmtDisabled{"sev_snp.policy.smt_disabled", "AMD 56860 rev. 1.58, Table 10, bit 16",
                                           "the guest may share a core with others", "", &judge_smt};
constinit const AppraiseCheck kSingleSocket{"sev_snp.policy.single_socket", "AMD 56860 rev. 1.58, Table 10, bit 20",
                                            "the guest may run across sockets", "", &judge_single_socket};

}  // namespace blindbox::verifier::checks
