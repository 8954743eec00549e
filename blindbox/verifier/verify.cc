// SPDX-License-Identifier: Apache-2.0
#include "blindbox/verifier/verify.h"

#include <algorithm>
#include <iterator>

#include "blindbox/verifier/internal/authenticator.h"
#include "blindbox/verifier/internal/checks.h"
#include "blindbox/verifier/internal/verdict_builder.h"

namespace blindbox::verifier {
namespace internal {

Answer from_result(const Result<void>& result, std::string expected, std::string actual_when_passed) {
  if (result) return answer(true, std::move(expected), std::move(actual_when_passed));
  return answer(false, std::move(expected), result.error().what);
}

namespace {

// What the chain says about the leaf, or why there is nothing that it could say.
Result<endorsements::sev_snp::LeafClaims> read_leaf(const Result<endorsements::sev_snp::Chain>& chain) {
  if (!chain) return tl::unexpected<Error>(chain.error());
  return endorsements::sev_snp::read_leaf(chain->leaf, chain->kind);
}

std::optional<Result<endorsements::uvm::UnverifiedEndorsement>> read_uvm(const Bytes& cose) {
  if (cose.empty()) return std::nullopt;
  return endorsements::uvm::parse_endorsement(cose);
}

const endorsements::uvm::UnverifiedEndorsement* uvm_of(const ParseContext& parsed) {
  return parsed.uvm && *parsed.uvm ? &**parsed.uvm : nullptr;
}

// Where several keys of the kind came with the evidence (a chip's under several TCBs, or several chips'), the ones that
// speak of this report's chip and TCB; where none does, all of them. Nothing rests on the choice: every check of the
// chain follows it.
std::vector<endorsements::Certificate> candidates(const std::vector<endorsements::Certificate>& certificates,
                                                  const evidence::sev_snp::UnverifiedReport& report,
                                                  evidence::sev_snp::SigningKey kind) {
  const std::string_view name = endorsements::sev_snp::leaf_common_name(kind);
  const auto is_leaf = [&](const endorsements::Certificate& one) { return one.common_name() == name; };
  if (std::ranges::count_if(certificates, is_leaf) < 2) return certificates;
  const auto speaks_of_it = [&](const endorsements::Certificate& one) {
    const auto claims = endorsements::sev_snp::read_leaf(one, kind);
    return claims && evidence::sev_snp::encode_tcb(claims->tcb, claims->product) == report.reported_tcb &&
           std::ranges::equal(claims->hwid, std::span(report.chip_id).first(claims->hwid.size()));
  };
  if (std::ranges::none_of(certificates, [&](const auto& one) { return is_leaf(one) && speaks_of_it(one); })) {
    return certificates;
  }
  std::vector<endorsements::Certificate> kept;
  std::ranges::copy_if(certificates, std::back_inserter(kept),
                       [&](const auto& one) { return !is_leaf(one) || speaks_of_it(one); });
  return kept;
}

AuthenticateContext authenticate_context(const ParseContext& parsed, const Subject& subject,
                                         const policy::Policy& policy, base::Time now) {
  const auto kind = static_cast<evidence::sev_snp::SigningKey>(parsed.report->signing_key);
  auto chain = endorsements::sev_snp::select_chain(candidates(*parsed.certificates, *parsed.report, kind), kind, now);
  auto leaf = read_leaf(chain);
  const RootTrust trust = chain ? root_trust(*chain, policy.unsafe) : RootTrust{};
  return {.bytes = parsed.bytes,
          .report = *parsed.report,
          .certificates = *parsed.certificates,
          .chain = std::move(chain),
          .trust = trust,
          .leaf = std::move(leaf),
          .crls = subject.evidence.crls,
          .uvm = uvm_of(parsed),
          .policy = policy,
          .now = now,
          .subject = subject,
          .azure_vm = parsed.azure_vm};
}

}  // namespace
}  // namespace internal

Verdict verify(const Subject& subject, const policy::Policy& policy, base::Time now) {
  VerdictBuilder verdict(now);

  verdict.enter(Stage::parse);
  const auto& raw_azure_vm = subject.evidence.azure_vm;
  const auto azure_vm = raw_azure_vm ? std::optional(internal::read_azure_vm(*raw_azure_vm)) : std::nullopt;
  const internal::ParseContext parsed{
      .bytes = subject.evidence.report,
      .report = evidence::sev_snp::parse_report(subject.evidence.report),
      .certificates = endorsements::sev_snp::parse_certificates(subject.evidence.certificates),
      .uvm = internal::read_uvm(subject.evidence.uvm_endorsement),
      .azure_vm = azure_vm ? &*azure_vm : nullptr};
  for (const auto* check : checks::parse_checks()) {
    if (!verdict.run(*check, parsed)) return verdict.take();
  }

  verdict.enter(Stage::authenticate);
  const auto claimed = internal::authenticate_context(parsed, subject, policy, now);
  if (claimed.trust.emulated) verdict.emulated();
  for (const auto* check : checks::authenticate_checks()) {
    if (!verdict.run(*check, claimed)) return verdict.take();
  }

  verdict.enter(Stage::appraise);
  // Every check of both stages passed, so there are a chain, a root that is trusted, and a leaf that was read.
  const AuthenticReport report =
      internal::Authenticator::admit(*parsed.report, claimed.leaf->product, claimed.trust.emulated);
  const internal::AppraiseContext authentic{
      .report = report,
      .subject = subject,
      .policy = policy,
      .manifest = subject.manifest ? std::optional(evidence::decode_manifest(*subject.manifest)) : std::nullopt,
      .uvm = claimed.uvm,
      .azure_vm = parsed.azure_vm};
  for (const auto* check : checks::appraise_checks()) (void)verdict.run(*check, authentic);
  return verdict.take();
}

}  // namespace blindbox::verifier
