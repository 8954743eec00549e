// SPDX-License-Identifier: Apache-2.0
// Where does the chain end? At a root whose key is pinned in this program; or, only where the policy says so by name
// under `unsafe:`, at an emulator's, and then everything that we print says that there is no TEE.
#include "blindbox/endorsements/roots.h"
#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier {
namespace internal {

RootTrust root_trust(const endorsements::sev_snp::Chain& chain, const policy::Unsafe& unsafe) {
  const base::Sha256& spki = chain.root.spki_sha256();
  if (const auto product = endorsements::pinned_amd_root(spki)) return {product, false};
  if (unsafe.trust_emulator && unsafe.trust_emulator->ark_spki_sha256 == spki) {
    return {endorsements::sev_snp::named_product(chain), true};
  }
  return {};
}

}  // namespace internal

namespace checks {
namespace {

using internal::answer;
using internal::Answer;
using internal::AuthenticateContext;

Answer judge(const AuthenticateContext& context) {
  const std::string expected = "a root of AMD's that is pinned here";
  if (!context.chain) return answer(false, expected, context.chain.error().what);
  const endorsements::Certificate& root = context.chain->root;
  const std::string key = base::to_hex(root.spki_sha256());
  if (!context.trust.product) return answer(false, expected, root.common_name() + " with the unknown key " + key);
  if (context.trust.emulated) {
    return answer(true, expected, "EMULATED, NOT A TEE: the policy trusts the emulator's key " + key);
  }
  return answer(true, expected, root.common_name() + " with the key " + key);
}

}  // namespace

constinit const AuthenticateCheck kRoot{
    "sev_snp.root",
    "AMD 57230, ARK",
    "the certificate chain ends at an unknown root",
    "evidence from an emulator is accepted only where the policy names its root under unsafe.trust_emulator",
    &judge,
    "Refuses anybody's own chain, and an emulator's that the policy does not name."};

}  // namespace checks
}  // namespace blindbox::verifier
