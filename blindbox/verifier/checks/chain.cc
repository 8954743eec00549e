// SPDX-License-Identifier: Apache-2.0
// Does AMD vouch for the key that signed? Six questions about the chain, each answered by endorsements/.
#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier::checks {
namespace {

using endorsements::sev_snp::Chain;
using internal::Answer;
using internal::AuthenticateContext;
using internal::from_result;

constexpr std::string_view kProfile = "AMD 57230, certificate profiles";

Answer judge_complete(const AuthenticateContext& context) {
  const auto& chain = context.chain;
  const std::string names =
      chain ? chain->leaf.common_name() + ", " + chain->intermediate.common_name() + ", " + chain->root.common_name()
            : "";
  return internal::answer(chain.has_value(), "a leaf of the signing key's kind, its issuer, AMD's root",
                          chain ? names : chain.error().what);
}

// The question, put to the chain where there is one.
template <typename Question>
Answer ask(const AuthenticateContext& context, std::string expected, std::string passed, Question question) {
  if (!context.chain) return internal::answer(false, std::move(expected), context.chain.error().what);
  return from_result(question(*context.chain), std::move(expected), std::move(passed));
}

Answer judge_names(const AuthenticateContext& context) {
  return ask(context, "AMD's names for one product", "so they are", &endorsements::sev_snp::check_names);
}
Answer judge_algorithms(const AuthenticateContext& context) {
  return ask(context, "RSA-4096, P-384, RSASSA-PSS with SHA-384", "so they are",
             &endorsements::sev_snp::check_algorithms);
}
Answer judge_authority(const AuthenticateContext& context) {
  return ask(context, "two authorities and a leaf", "so they are", &endorsements::sev_snp::check_authority);
}
Answer judge_dates(const AuthenticateContext& context) {
  return ask(context, "valid at " + base::to_iso8601(context.now), "so they are",
             [&](const Chain& chain) { return endorsements::sev_snp::check_dates(chain, context.now); });
}
Answer judge_signatures(const AuthenticateContext& context) {
  return ask(context, "each signed by the next", "so they are", &endorsements::sev_snp::check_signatures);
}

}  // namespace

constinit const AuthenticateCheck kChainComplete{
    "sev_snp.chain.complete",
    kProfile,
    "the certificate chain is not complete",
    "the evidence must carry the VCEK or VLEK together with AMD's ASK or ASVK and ARK",
    &judge_complete,
    "Refuses a VLEK taken for a VCEK, and another product's chain beside the leaf."};
constinit const AuthenticateCheck kChainNames{"sev_snp.chain.names",
                                              kProfile,
                                              "the certificate chain has other names than AMD's",
                                              "",
                                              &judge_names,
                                              "Refuses a genuine certificate of another role or product in the chain."};
constinit const AuthenticateCheck kChainAlgorithms{"sev_snp.chain.algorithms",
                                                   kProfile,
                                                   "the certificate chain uses other algorithms than AMD's",
                                                   "",
                                                   &judge_algorithms,
                                                   "Refuses weaker keys and signatures than AMD's."};
constinit const AuthenticateCheck kChainAuthority{"sev_snp.chain.authority",
                                                  "RFC 5280, sections 4.2.1.3 and 4.2.1.9",
                                                  "a certificate was issued by one that may not issue",
                                                  "",
                                                  &judge_authority,
                                                  "Refuses a leaf that issues another leaf."};
constinit const AuthenticateCheck kChainDates{
    "sev_snp.chain.dates",
    "RFC 5280, section 4.1.2.5",
    "a certificate is not valid at this time",
    "compare this machine's clock with the dates",
    &judge_dates,
    "Refuses certificates outside their dates, at the time at which the evidence is judged."};
constinit const AuthenticateCheck kChainSignatures{"sev_snp.chain.signatures",
                                                   "RFC 5280, section 6.1.3",
                                                   "a certificate is not signed by its issuer",
                                                   "",
                                                   &judge_signatures,
                                                   "Refuses certificates that AMD did not sign."};

}  // namespace blindbox::verifier::checks
