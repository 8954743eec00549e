// SPDX-License-Identifier: Apache-2.0
// What did the guest's owner fix at launch? Debugging and migration are refused by every policy.
#include <fmt/format.h>

#include <tuple>

#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier::checks {
namespace {

using internal::answer;
using internal::Answer;
using internal::AppraiseContext;
using policy::GuestPolicy;

Answer bit_is(const AppraiseContext& context, std::uint64_t bit, bool wanted) {
  const std::uint64_t policy = context.report.claims().policy;
  const bool found = (policy & bit) != 0;
  return answer(found == wanted, wanted ? "1" : "0", fmt::format("{} (POLICY {:#x})", found ? 1 : 0, policy));
}

template <std::uint64_t Bit>
Answer judge_refused(const AppraiseContext& context) {
  return bit_is(context, Bit, false);
}

template <bool GuestPolicy::*Flag, std::uint64_t Bit, bool Wanted>
Answer judge(const AppraiseContext& context) {
  Answer found = bit_is(context, Bit, Wanted);
  return context.policy.sev_snp.guest_policy.*Flag ? found : internal::not_requested("any", std::move(found.actual));
}

// POLICY, bits 15:8 and 7:0. The firmware has launched the guest under it, so it speaks at least that version.
Answer judge_abi(const AppraiseContext& context) {
  const GuestPolicy& wanted = context.policy.sev_snp.guest_policy;
  const std::uint64_t policy = context.report.claims().policy;
  const auto major = static_cast<std::uint8_t>(policy >> 8), minor = static_cast<std::uint8_t>(policy);
  std::string actual = fmt::format("{}.{}", major, minor);
  if (wanted.minimum_abi_major == 0 && wanted.minimum_abi_minor == 0) {
    return internal::not_requested("any", std::move(actual));
  }
  return answer(std::tie(major, minor) >= std::tie(wanted.minimum_abi_major, wanted.minimum_abi_minor),
                fmt::format("at least {}.{}", wanted.minimum_abi_major, wanted.minimum_abi_minor), std::move(actual));
}

}  // namespace

namespace snp = evidence::sev_snp;

constinit const AppraiseCheck kDebugDisabled{
    "sev_snp.policy.debug_disabled",
    "AMD 56860 rev. 1.58, Table 10, bit 19",
    "the guest can be debugged: its host reads its memory",
    "",
    &judge_refused<snp::kPolicyDebug>,
    "Keeps the host from decrypting the guest's memory; every policy refuses a debug guest."};
constinit const AppraiseCheck kMigrateMaDisabled{
    "sev_snp.policy.migrate_ma_disabled",
    "AMD 56860 rev. 1.58, Table 10, bit 18",
    "the guest may be handed to a migration agent",
    "",
    &judge_refused<snp::kPolicyMigrateMa>,
    "Keeps a migration agent from getting the guest's keys; every policy refuses one."};
constinit const AppraiseCheck kMinimumAbi{
    "sev_snp.policy.abi",
    "AMD 56860 rev. 1.58, Table 10, bits 15 to 0",
    "the guest may run on firmware of an older interface",
    "",
    &judge_abi,
    "Refuses a guest that may run on firmware without the protections relied on, where the policy asks for it."};
constinit const AppraiseCheck kSmtDisabled{"sev_snp.policy.smt_disabled",
                                           "AMD 56860 rev. 1.58, Table 10, bit 16",
                                           "the guest may share a core with others",
                                           "",
                                           &judge<&GuestPolicy::smt_disabled, snp::kPolicySmt, false>,
                                           "Keeps strangers off the guest's cores, where the policy asks for it."};
constinit const AppraiseCheck kSingleSocket{
    "sev_snp.policy.single_socket",
    "AMD 56860 rev. 1.58, Table 10, bit 20",
    "the guest may run across sockets",
    "",
    &judge<&GuestPolicy::single_socket, snp::kPolicySingleSocket, true>,
    "Keeps the guest's traffic off the links between sockets, where the policy asks for it."};
constinit const AppraiseCheck kCxlDisabled{
    "sev_snp.policy.cxl_disabled",
    "AMD 56860 rev. 1.58, Table 10, bit 21",
    "the guest may use memory behind CXL",
    "",
    &judge<&GuestPolicy::cxl_disabled, snp::kPolicyCxlAllow, false>,
    "Keeps the guest's memory off devices that others can reach, where the policy asks for it."};
constinit const AppraiseCheck kAes256Xts{"sev_snp.policy.aes_256_xts",
                                         "AMD 56860 rev. 1.58, Table 10, bit 22",
                                         "the guest's memory may be encrypted with less than AES-256-XTS",
                                         "",
                                         &judge<&GuestPolicy::aes_256_xts, snp::kPolicyAes256Xts, true>,
                                         "Refuses weaker memory encryption, where the policy asks for it."};
constinit const AppraiseCheck kRaplDisabled{
    "sev_snp.policy.rapl_disabled",
    "AMD 56860 rev. 1.58, Table 10, bit 23",
    "the host may read the power that the guest draws",
    "",
    &judge<&GuestPolicy::rapl_disabled, snp::kPolicyRaplDisabled, true>,
    "Keeps the host from reading secrets out of the power drawn, where the policy asks for it."};
constinit const AppraiseCheck kCiphertextHiding{
    "sev_snp.policy.ciphertext_hiding",
    "AMD 56860 rev. 1.58, Table 10, bit 24",
    "the host may read the guest's memory as ciphertext",
    "",
    &judge<&GuestPolicy::ciphertext_hiding, snp::kPolicyCiphertextHiding, true>,
    "Keeps the host from watching ciphertext change in memory, where the policy asks for it."};
constinit const AppraiseCheck kPageSwapDisabled{
    "sev_snp.policy.page_swap_disabled",
    "AMD 56860 rev. 1.58, Table 10, bit 25",
    "the host may swap the guest's pages",
    "",
    &judge<&GuestPolicy::page_swap_disabled, snp::kPolicyPageSwapDisabled, true>,
    "Keeps the host from learning access patterns by swapping pages, where the policy asks for it."};

}  // namespace blindbox::verifier::checks
