// SPDX-License-Identifier: Apache-2.0
// What does the machine say of itself? PLATFORM_INFO and the mitigation vectors.
#include <fmt/format.h>

#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier::checks {
namespace {

using internal::answer;
using internal::Answer;
using internal::AppraiseContext;

constexpr std::uint64_t kAliasCheckComplete = std::uint64_t{1} << 5;

// The bit exists in reports from version 3 on: all genuine ones of updated machines have it set.
Answer judge_alias_check(const AppraiseContext& context) {
  const auto& claims = context.report.claims();
  const bool complete = (claims.platform_info & kAliasCheckComplete) != 0;
  if (claims.version < 3) return internal::not_requested("1", "version 2 does not report it");
  if (!complete && context.policy.unsafe.allow_incomplete_alias_check) {
    return internal::not_requested("any: unsafe.allow_incomplete_alias_check", "0");
  }
  return answer(complete, "1", fmt::format("{} (PLATFORM_INFO {:#x})", complete ? 1 : 0, claims.platform_info));
}

Answer judge_required(const AppraiseContext& context) {
  const std::uint64_t mask = context.policy.sev_snp.platform_info.required,
                      found = context.report.claims().platform_info;
  if (mask == 0) return internal::not_requested("any", fmt::format("{:#x}", found));
  return answer((found & mask) == mask, fmt::format("every bit of {:#x}", mask), fmt::format("{:#x}", found));
}

Answer judge_refused(const AppraiseContext& context) {
  const std::uint64_t mask = context.policy.sev_snp.platform_info.refused,
                      found = context.report.claims().platform_info;
  if (mask == 0) return internal::not_requested("any", fmt::format("{:#x}", found));
  return answer((found & mask) == 0, fmt::format("no bit of {:#x}", mask), fmt::format("{:#x}", found));
}

// A bitmask, never a number: a larger vector may lack the very mitigation that is asked for.
Answer judge_vector(std::uint64_t mask, const std::optional<std::uint64_t>& vector) {
  std::string actual = vector ? fmt::format("{:#x}", *vector) : "a report before version 5 has none";
  if (mask == 0) return internal::not_requested("any", std::move(actual));
  return answer(vector && (*vector & mask) == mask, fmt::format("every bit of {:#x}", mask), std::move(actual));
}

Answer judge_launch_vector(const AppraiseContext& context) {
  return judge_vector(context.policy.sev_snp.mitigations.launch, context.report.claims().launch_mit_vector);
}

Answer judge_current_vector(const AppraiseContext& context) {
  return judge_vector(context.policy.sev_snp.mitigations.current, context.report.claims().current_mit_vector);
}

}  // namespace

constinit const AppraiseCheck kAliasCheck{
    "sev_snp.platform.alias_check",
    "AMD 56860 rev. 1.58, Table 24, bit 5; AMD-SB-3015",
    "the machine did not finish looking for aliased memory",
    "the host needs firmware and memory that pass the check",
    &judge_alias_check,
    "Refuses machines whose memory may alias itself (BadRAM); reports of version 2 do not tell."};
constinit const AppraiseCheck kPlatformRequired{"sev_snp.platform.required",
                                                "AMD 56860 rev. 1.58, Table 24",
                                                "the machine lacks a protection that the policy demands",
                                                "",
                                                &judge_required,
                                                "Refuses a machine without a protection that the policy relies on."};
constinit const AppraiseCheck kPlatformRefused{"sev_snp.platform.refused",
                                               "AMD 56860 rev. 1.58, Table 24",
                                               "the machine has a feature that the policy refuses",
                                               "",
                                               &judge_refused,
                                               "Refuses a machine with a feature that the policy does not want."};
constinit const AppraiseCheck kLaunchMitigations{
    "sev_snp.mitigations.launch",
    "AMD 56860 rev. 1.58, Table 23, LAUNCH_MIT_VECTOR",
    "a mitigation was not in place when the guest was launched",
    "",
    &judge_launch_vector,
    "Refuses a guest launched before its machine was mended, where the policy lists mitigations."};
constinit const AppraiseCheck kCurrentMitigations{
    "sev_snp.mitigations.current",  "AMD 56860 rev. 1.58, Table 23, CURRENT_MIT_VECTOR",
    "a mitigation is not in place", "",
    &judge_current_vector,          "Refuses a machine that was not mended, where the policy lists mitigations."};

}  // namespace blindbox::verifier::checks
