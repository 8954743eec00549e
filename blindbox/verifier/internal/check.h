// SPDX-License-Identifier: Apache-2.0
// What a check is, and what the checks of each stage look at.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/endorsements/sev_snp/chain.h"
#include "blindbox/endorsements/sev_snp/leaf.h"
#include "blindbox/endorsements/uvm/endorsement.h"
#include "blindbox/evidence/manifest.h"
#include "blindbox/verifier/authentic_report.h"
#include "blindbox/verifier/internal/azure_vm.h"
#include "blindbox/verifier/verify.h"

namespace blindbox::verifier::internal {

// The bytes, and what parsing them gave.
struct ParseContext {
  ByteView bytes;
  Result<evidence::sev_snp::UnverifiedReport> report;
  Result<std::vector<endorsements::Certificate>> certificates;
  // What Azure's endorsement says; none where the evidence carries none.
  std::optional<Result<endorsements::uvm::UnverifiedEndorsement>> uvm = std::nullopt;
  const AzureVmClaims* azure_vm = nullptr;  // none: evidence of no Azure VM
};

// Which root a chain ends at, and why it is trusted.
struct RootTrust {
  std::optional<evidence::sev_snp::Product> product;  // none: not trusted
  bool emulated = false;
};
[[nodiscard]] RootTrust root_trust(const endorsements::sev_snp::Chain& chain, const policy::Unsafe& unsafe);

struct AuthenticateContext {
  ByteView bytes;
  const evidence::sev_snp::UnverifiedReport& report;
  const std::vector<endorsements::Certificate>& certificates;
  Result<endorsements::sev_snp::Chain> chain;
  RootTrust trust;
  Result<endorsements::sev_snp::LeafClaims> leaf;
  const std::vector<Bytes>& crls;
  const endorsements::uvm::UnverifiedEndorsement* uvm;  // nullptr: none
  const policy::Policy& policy;
  base::Time now;
  const Subject& subject;
  const AzureVmClaims* azure_vm = nullptr;  // none: evidence of no Azure VM
};

struct AppraiseContext {
  const AuthenticReport& report;
  const Subject& subject;
  const policy::Policy& policy;
  // What subject.manifest holds; none where there is none.
  std::optional<Result<evidence::ServiceManifest>> manifest;
  // Azure's endorsement, which every check of the stage before let pass; nullptr where there is none.
  const endorsements::uvm::UnverifiedEndorsement* uvm = nullptr;
  const AzureVmClaims* azure_vm = nullptr;  // none: evidence of no Azure VM
};

struct Answer {
  Outcome outcome = Outcome::failed;
  std::string expected;
  std::string actual;
};
[[nodiscard]] inline Answer answer(bool passed, std::string expected, std::string actual) {
  return {passed ? Outcome::passed : Outcome::failed, std::move(expected), std::move(actual)};
}
[[nodiscard]] inline Answer not_requested(std::string expected, std::string actual) {
  return {Outcome::not_requested, std::move(expected), std::move(actual)};
}
// Passed, or failed with the error's own words.
[[nodiscard]] Answer from_result(const Result<void>& result, std::string expected, std::string actual_when_passed);

template <typename Context>
struct Check {
  std::string_view id;
  std::string_view reference;
  std::string_view failure;
  std::string_view hint;
  Answer (*judge)(const Context&);
  // What the check prevents, as one sentence: "verify --explain" and docs/checks.md print it. Tests demand one.
  std::string_view purpose = {};
};
using ParseCheck = Check<ParseContext>;
using AuthenticateCheck = Check<AuthenticateContext>;
using AppraiseCheck = Check<AppraiseContext>;

}  // namespace blindbox::verifier::internal
