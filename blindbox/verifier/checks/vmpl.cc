// SPDX-License-Identifier: Apache-2.0
// Who inside the guest asked for the report? Levels 0 to 3 are the guest's own; anything above is a report that the
// host asked for (AMD 56860, SNP_HOST_REPORT) and speaks for nobody inside.
#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier::checks {
namespace {

using internal::Answer;
using internal::AppraiseContext;

Answer judge(const AppraiseContext& context) {
  const std::uint32_t wanted = context.policy.sev_snp.vmpl;
  const std::uint32_t found = context.report.claims().vmpl;
  return internal::answer(found == wanted && found <= 3, std::to_string(wanted), std::to_string(found));
}

}  // namespace

constinit const AppraiseCheck kVmpl{
    "sev_snp.vmpl",
    "AMD 56860 rev. 1.58, Table 23, VMPL",
    "the report was requested at another privilege level",
    "",
    &judge,
    "Refuses reports that the host, or software at another privilege level, asked for."};

}  // namespace blindbox::verifier::checks
