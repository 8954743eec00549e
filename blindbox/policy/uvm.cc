// SPDX-License-Identifier: Apache-2.0
// Whose endorsements of utility VMs are accepted where a policy does not say.
#include <array>

#include "blindbox/policy/policy.h"

namespace blindbox::policy {
namespace {

// The root's fingerprint and the extended key usage of each signer, as the endorsements of both services carry them; the
// least SVNs are those from which Microsoft's own verifiers accept them.
constexpr std::array kSigners = {
    UvmSigner{"did:x509:0:sha256:I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s::eku:1.3.6.1.4.1.311.76.59.1.2",
              "ContainerPlat-AMD-UVM", 100},
    UvmSigner{"did:x509:0:sha256:I__iuL25oXEVFdTP_aBLx_eT1RPHbCQ_ECBQfYZpt9s::eku:1.3.6.1.4.1.311.76.59.1.5",
              "ConfAKS-AMD-UVM", 1},
};

}  // namespace

std::span<const UvmSigner> known_uvm_signers() { return kSigners; }

UvmPolicy default_uvm() {
  UvmPolicy out{.issuers = {}, .feeds = {}, .minimum_svn = 100};
  for (const UvmSigner& signer : kSigners) {
    out.issuers.emplace_back(signer.issuer);
    out.feeds.emplace_back(signer.feed);
  }
  return out;
}

}  // namespace blindbox::policy
