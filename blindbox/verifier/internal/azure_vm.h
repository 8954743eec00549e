// SPDX-License-Identifier: Apache-2.0
// The parsed parts of an Azure VM's evidence, as the checks of every stage look at them.
#pragma once

#include <optional>

#include "blindbox/evidence/azure_vm/hcl.h"
#include "blindbox/evidence/azure_vm/quote.h"
#include "blindbox/verifier/verify.h"

namespace blindbox::verifier::internal {

struct AzureVmClaims {
  const evidence::AzureVm& raw;
  Result<evidence::azure_vm::UnverifiedHclReport> hcl;
  // None: the evidence has neither a quote nor a signature of one.
  std::optional<Result<evidence::azure_vm::UnverifiedQuote>> quote;
  std::optional<Result<evidence::azure_vm::UnverifiedQuoteSignature>> signature;
};

[[nodiscard]] AzureVmClaims read_azure_vm(const evidence::AzureVm& raw);

// True where the policy wants values of PCRs, which only a quote can vouch for.
[[nodiscard]] bool pins_pcrs(const policy::Policy& policy);

// True when an absent quote is no failure: the evidence is judged away from any channel, and nobody expects anything of
// its freshness. An expectation always outweighs the waiver.
[[nodiscard]] bool quote_waived(const Subject& subject);

}  // namespace blindbox::verifier::internal
