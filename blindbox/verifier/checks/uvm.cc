// SPDX-License-Identifier: Apache-2.0
// Who endorses Azure's utility VM? An endorsement that the evidence carries is judged always, also where the policy asks
// for none: one that does not hold is a sign that somebody chose it. One that the policy asks for and that is not there
// is missed by the checks of what it claims, in uvm_claims.cc.
#include "blindbox/endorsements/did_x509.h"
#include "blindbox/endorsements/roots.h"
#include "blindbox/endorsements/uvm/signature.h"
#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier::checks {
namespace {

namespace uvm = endorsements::uvm;
using internal::answer;
using internal::Answer;
using internal::AuthenticateContext;
using internal::from_result;
using internal::ParseContext;

Answer none() { return internal::not_requested("judged where the evidence carries one", "none"); }

Answer judge_format(const ParseContext& context) {
  if (!context.uvm) return none();
  const auto& endorsement = *context.uvm;
  const auto why = [&] {
    const Error& error = endorsement.error();
    return error.detail.empty() ? error.what : error.detail;
  };
  return answer(endorsement.has_value(), "COSE_Sign1 in one of Azure's two formats", endorsement ? "so it is" : why());
}

Answer judge_algorithm(const AuthenticateContext& context) {
  if (context.uvm == nullptr) return none();
  return answer(context.uvm->algorithm == uvm::kPs384, std::to_string(uvm::kPs384) + " (PS384)",
                std::to_string(context.uvm->algorithm));
}

// Microsoft's root; beside an emulated report also the emulator's, which the policy trusts by name.
bool is_trusted_root(const base::Sha256& spki, const AuthenticateContext& context) {
  if (endorsements::is_pinned_uvm_root(spki)) return true;
  const auto& emulator = context.policy.unsafe.trust_emulator;
  return context.trust.emulated && emulator && emulator->ark_spki_sha256 == spki;
}

Answer judge_chain(const AuthenticateContext& context) {
  if (context.uvm == nullptr) return none();
  const std::string at = base::to_iso8601(context.uvm->signing_time);
  const std::string expected = "a path to Microsoft's pinned root, valid when signed";
  const base::Sha256& root = context.uvm->chain.anchor_spki_sha256();
  if (!is_trusted_root(root, context))
    return answer(false, expected, "an unknown root with the key " + base::to_hex(root));
  return from_result(uvm::check_chain(*context.uvm, context.now), expected,
                     "so it is at " + at + ", the signer's own word: no timestamp proves it");
}

Answer judge_signature(const AuthenticateContext& context) {
  if (context.uvm == nullptr) return none();
  return from_result(uvm::check_signature(*context.uvm), "PS384 by the leaf's RSA key", "so it is");
}

Answer judge_issuer(const AuthenticateContext& context) {
  if (context.uvm == nullptr) return none();
  return from_result(endorsements::check_did_x509(context.uvm->issuer, context.uvm->chain),
                     "a did:x509 name of this chain", context.uvm->issuer);
}

}  // namespace

constinit const ParseCheck kUvmFormat{
    "azure.uvm.format",
    "RFC 9052, sections 3 and 4.2; Confidential_ACI_SCHEME.md",
    "the utility VM's endorsement cannot be read",
    "",
    &judge_format,
    "Refuses an endorsement that has two readings, and formats that nobody here knows."};
constinit const AuthenticateCheck kUvmAlgorithm{
    "azure.uvm.algorithm",
    "RFC 8230, section 2, PS384",
    "the utility VM's endorsement is signed with another algorithm",
    "",
    &judge_algorithm,
    "Refuses a signature of another kind, whose rules are weaker or not checked."};
constinit const AuthenticateCheck kUvmChain{
    "azure.uvm.chain",
    "RFC 9360, section 2, x5chain; RFC 5280, section 6",
    "the utility VM's endorsement is not signed under Microsoft's root",
    "",
    &judge_chain,
    "Refuses anybody's own signer, certificates that were not valid when they signed, and signatures of the future."};
constinit const AuthenticateCheck kUvmSignature{"azure.uvm.signature",
                                                "RFC 9052, section 4.4; RFC 8230, section 2",
                                                "the utility VM's endorsement is not signed by its certificate",
                                                "",
                                                &judge_signature,
                                                "Refuses an endorsement that was altered after Microsoft signed it."};
constinit const AuthenticateCheck kUvmIssuer{
    "azure.uvm.issuer",
    "did:x509 method specification, version 0",
    "the utility VM's endorsement names another issuer than its signer",
    "",
    &judge_issuer,
    "Refuses a signer whose certificate the same authority issued for another purpose."};

}  // namespace blindbox::verifier::checks
