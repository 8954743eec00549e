// SPDX-License-Identifier: Apache-2.0
// Has AMD revoked a certificate of the chain? A list of the chain's root that the evidence carries is judged always, also
// where the policy does not ask for one: a stale list is a sign that somebody chose it.
#include "blindbox/endorsements/sev_snp/crl.h"

#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier::checks {
namespace {

using internal::answer;
using internal::Answer;
using internal::AuthenticateContext;

Answer judge(const AuthenticateContext& context) {
  const std::string expected = "current lists of the root's that name no certificate of the chain";
  if (!context.chain) return answer(false, expected, context.chain.error().what);
  const auto checked = endorsements::sev_snp::check_crls(context.crls, *context.chain, context.now);
  if (!checked) return answer(false, expected, checked.error().what);
  if (*checked) return answer(true, expected, "so they are");
  const std::string none = context.crls.empty() ? "none" : "none but those of AMD's other roots";
  if (context.policy.sev_snp.require_crl) return answer(false, expected, none);
  return internal::not_requested("no revocation list asked for", none);
}

}  // namespace

constinit const AuthenticateCheck kCrl{"sev_snp.crl",
                                       "RFC 5280, section 6.3; AMD 57230, CRL",
                                       "the chain's revocation lists do not hold",
                                       "",
                                       &judge,
                                       "Refuses revoked certificates, and stale or forged lists; a list of the chain's "
                                       "root that is there is judged even where none is asked for."};

}  // namespace blindbox::verifier::checks
