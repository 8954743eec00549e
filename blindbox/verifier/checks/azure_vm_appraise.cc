// SPDX-License-Identifier: Apache-2.0
// Is the quote new, did the guest boot what its owner expects, and who else is trusted? REPORT_DATA of an Azure VM is the
// paravisor's, fixed at boot: the quote's qualifying data is what a channel's freshness rests on.
#include <fmt/format.h>

#include <algorithm>

#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier {
namespace internal {

bool pins_pcrs(const policy::Policy& policy) { return policy.azure.vm && !policy.azure.vm->pcrs.empty(); }

}  // namespace internal

namespace checks {
namespace {

using evidence::azure_vm::kTpmAlgSha256;
using evidence::azure_vm::UnverifiedQuote;
using internal::answer;
using internal::Answer;
using internal::AppraiseContext;
using internal::not_requested;

// The quote of an Azure VM, where there is one that can be read.
const UnverifiedQuote* quote_of(const AppraiseContext& context) {
  if (context.azure_vm == nullptr || !context.azure_vm->quote || !*context.azure_vm->quote) return nullptr;
  return &**context.azure_vm->quote;
}

Answer judge_freshness(const AppraiseContext& context) {
  const Subject& subject = context.subject;
  const UnverifiedQuote* quote = quote_of(context);
  const std::string found = quote != nullptr ? base::to_hex(quote->extra_data) : "no quote";
  if (!subject.evidence.azure_vm) {
    // Whoever expects a quote alone must not be content with evidence that has none.
    if (subject.expected_quote_data && !subject.expected_report_data) {
      return answer(false, base::to_hex(*subject.expected_quote_data), "no Azure VM");
    }
    return not_requested("the qualifying data of a TPM quote", "no Azure VM");
  }
  if (subject.expected_quote_data) {
    return answer(quote != nullptr && base::constant_time_equal(*subject.expected_quote_data, quote->extra_data),
                  base::to_hex(*subject.expected_quote_data), found);
  }
  if (internal::quote_waived(subject)) {
    return not_requested("judged away from any channel: freshness unknown", found);
  }
  return answer(false, "qualifying data from the channel, which is missing", found);
}

bool quoted(const UnverifiedQuote& quote, std::uint8_t pcr) {
  return std::any_of(quote.pcr_select.begin(), quote.pcr_select.end(), [pcr](const auto& selection) {
    const auto pcrs = selection.pcrs();
    return selection.hash == kTpmAlgSha256 && std::find(pcrs.begin(), pcrs.end(), pcr) != pcrs.end();
  });
}

// What is wrong with one PCR, or nothing.
std::string problem_of(const AppraiseContext& context, std::uint8_t pcr, const ByteArray<32>& wanted) {
  const UnverifiedQuote* quote = quote_of(context);
  if (quote == nullptr) return fmt::format("PCR {} is in no quote", pcr);
  if (!quoted(*quote, pcr)) return fmt::format("PCR {} is not in the quote", pcr);
  const auto& values = context.azure_vm->raw.pcrs;
  const auto value = values.find({kTpmAlgSha256, pcr});
  if (value == values.end()) return fmt::format("PCR {} has no value", pcr);
  if (std::ranges::equal(value->second, wanted)) return {};
  return fmt::format("PCR {} is {}", pcr, base::to_hex(value->second));
}

Answer judge_pcrs(const AppraiseContext& context) {
  if (!internal::pins_pcrs(context.policy)) {
    const char* found = context.azure_vm == nullptr ? "no Azure VM" : "NOT COMPARED: the guest's software is unknown";
    return not_requested("any: the policy pins no PCR", found);
  }
  std::string expected, problems;
  for (const auto& [pcr, wanted] : context.policy.azure.vm->pcrs) {
    const std::string problem = problem_of(context, pcr, wanted);
    if (problem.empty()) continue;
    expected += fmt::format("{}PCR {} {}", expected.empty() ? "" : ", ", pcr, base::to_hex(wanted));
    problems += (problems.empty() ? "" : ", ") + problem;
  }
  if (!problems.empty()) return answer(false, expected, problems);
  return answer(true, std::to_string(context.policy.azure.vm->pcrs.size()) + " PCRs as pinned", "so they are");
}

// Software in the guest can ask for reports over any data, at its own level: only a report of level 0 is the
// paravisor's, whatever level the policy wants.
Answer judge_paravisor(const AppraiseContext& context) {
  const std::string expected = "VMPL 0: a report that the paravisor made";
  if (!context.subject.evidence.azure_vm) return not_requested(expected, "no Azure VM");
  const std::uint32_t vmpl = context.report.claims().vmpl;
  if (vmpl != 0) return answer(false, expected, "VMPL " + std::to_string(vmpl));
  return not_requested(expected, "VMPL 0; the paravisor is part of what is trusted");
}

}  // namespace

constinit const AppraiseCheck kAzureVmQuoteFreshness{
    "azure.vm.quote.freshness",
    "docs/protocol.md, M2; TPM 2.0 Library, Part 2, TPMS_ATTEST, extraData",
    "the TPM quote was not made for this request",
    "ask the VM for a quote over the qualifying data that is expected",
    &judge_freshness,
    "Refuses quotes of yesterday and of somebody else's connection."};
constinit const AppraiseCheck kAzureVmPcrs{"azure.vm.pcrs",
                                           "TCG PC Client Platform Firmware Profile, PCR usage",
                                           "the guest booted something else than the policy expects",
                                           "review what changed in the guest's image before changing azure.vm.pcrs",
                                           &judge_pcrs,
                                           "Refuses a guest that booted something else than its owner reviewed."};
constinit const AppraiseCheck kAzureVmParavisor{
    "azure.vm.paravisor",
    "docs/threat-model.md, the paravisor; AMD 56860 rev. 1.58, Table 23, VMPL",
    "the report was not made by the paravisor",
    "",
    &judge_paravisor,
    "Refuses reports that software in the guest asked for in the paravisor's place, and says that the paravisor is "
    "trusted."};

}  // namespace checks
}  // namespace blindbox::verifier
