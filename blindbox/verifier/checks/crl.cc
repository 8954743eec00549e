// SPDX-License-Identifier: Apache-2.0
// Has AMD revoked a certificate of the chain? A list that the evidence carries is judged always, also where the
// policy does not ask for one: a stale or foreign list is a sign that somebody chose it.
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
  if (context.crls.empty() && !context.policy.sev_snp.require_crl) {
    return internal::not_requested("no revocation list asked for", "none");
  }
  return internal::from_result(endorsements::sev_snp::check_crls(context.crls, *context.chain, context.now), expected,
                               "so they are");
}

}  // namespace

constinit const AuthenticateCheck kCrl{"sev_snp.crl",
                                       "RFC 5280, section 6.3; AMD 57230, CRL",
                                       "the chain's revocation lists do not hold",
                                       "",
                                       &judge,
                                       "Refuses revoked certificates, and stale or foreign lists; a list that is there "
                                       "is judged even where none is asked for."};

}  // namespace blindbox::verifier::checks
