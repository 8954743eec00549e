// SPDX-License-Identifier: Apache-2.0
// Is this the evidence of an Azure confidential VM? Its report is the one inside the HCL report, and no other.
#include <algorithm>

#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier {
namespace internal {

AzureVmClaims read_azure_vm(const evidence::AzureVm& raw) {
  AzureVmClaims claims{.raw = raw,
                       .hcl = evidence::azure_vm::parse_hcl_report(raw.hcl_report),
                       .quote = std::nullopt,
                       .signature = std::nullopt};
  if (!raw.quote.empty() || !raw.quote_signature.empty()) {
    claims.quote = evidence::azure_vm::parse_quote(raw.quote);
    claims.signature = evidence::azure_vm::parse_quote_signature(raw.quote_signature);
  }
  return claims;
}

bool quote_waived(const Subject& subject) {
  return subject.freshness_not_requested && !subject.expected_quote_data && !subject.expected_report_data;
}

}  // namespace internal

namespace checks {
namespace {

using internal::answer;
using internal::Answer;
using internal::ParseContext;

constexpr std::string_view kNoAzureVm = "no Azure VM";

Answer judge_hcl(const ParseContext& context) {
  const std::string expected = "an HCL report of an SEV-SNP guest";
  if (context.azure_vm == nullptr) return internal::not_requested(expected, std::string(kNoAzureVm));
  const auto& hcl = context.azure_vm->hcl;
  return answer(hcl.has_value(), expected, hcl ? "version " + std::to_string(hcl->version) : hcl.error().what);
}

Answer judge_report(const ParseContext& context) {
  const std::string expected = "the report inside the HCL report";
  if (context.azure_vm == nullptr) return internal::not_requested(expected, std::string(kNoAzureVm));
  if (!context.azure_vm->hcl) return answer(false, expected, "no HCL report");
  const bool same = std::ranges::equal(context.azure_vm->hcl->report, context.bytes);
  return answer(same, expected, same ? "so it is" : "another report");
}

// What is wrong with the PCR values themselves, or nothing.
std::string problem_of(const evidence::azure_vm::PcrValues& values) {
  for (const auto& [pcr, value] : values) {
    const std::string bank = evidence::azure_vm::bank_name(pcr.bank);
    if (pcr.index >= evidence::azure_vm::kMaxPcrs) return "more PCRs than a TPM has";
    if (value.empty() || value.size() != evidence::azure_vm::bank_size(pcr.bank)) {
      return "PCR " + std::to_string(pcr.index) + " of " + bank + " has " + std::to_string(value.size()) + " bytes";
    }
  }
  return {};
}

Answer judge_quote(const ParseContext& context) {
  const std::string expected = "TPMS_ATTEST of a quote and its signature";
  if (context.azure_vm == nullptr) return internal::not_requested(expected, std::string(kNoAzureVm));
  const internal::AzureVmClaims& claims = *context.azure_vm;
  if (std::string problem = problem_of(claims.raw.pcrs); !problem.empty()) {
    return answer(false, expected, std::move(problem));
  }
  if (!claims.quote || !claims.signature) return internal::not_requested(expected, "no quote");
  if (!*claims.quote) return answer(false, expected, claims.quote->error().what);
  if (!*claims.signature) return answer(false, expected, claims.signature->error().what);
  return answer(true, expected, "so they are");
}

}  // namespace

constinit const ParseCheck kAzureVmHclFormat{
    "azure.vm.hcl.format",
    "OpenHCL, IgvmAttestRequestBase; Microsoft Learn, guest attestation for confidential VMs",
    "the HCL report is none that can be judged",
    "",
    &judge_hcl,
    "Refuses what is not an Azure VM's HCL report of an SEV-SNP guest, and whose sizes contradict one another."};
constinit const ParseCheck kAzureVmReport{"azure.vm.report",
                                          "OpenHCL, IgvmAttestRequestBase, attestation_report",
                                          "the report is not the one inside the HCL report",
                                          "",
                                          &judge_report,
                                          "Refuses an HCL report beside another guest's hardware report."};
constinit const ParseCheck kAzureVmQuoteFormat{"azure.vm.quote.format",
                                               "TPM 2.0 Library, Part 2, TPMS_ATTEST and TPMT_SIGNATURE",
                                               "the TPM quote cannot be read",
                                               "",
                                               &judge_quote,
                                               "Refuses what is not a TPM's quote with its signature."};

}  // namespace checks
}  // namespace blindbox::verifier
