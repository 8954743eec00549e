// SPDX-License-Identifier: Apache-2.0
// A report whose signature, chain and endorsed values held. It exists inside verifier/ alone: only the authenticator
// there can make one, and tests/compile_fail proves it.
#pragma once

#include "blindbox/evidence/sev_snp/report.h"

namespace blindbox::verifier {

namespace internal {
class Authenticator;
}

class AuthenticReport {
 public:
  [[nodiscard]] const evidence::sev_snp::UnverifiedReport& claims() const { return claims_; }
  [[nodiscard]] evidence::sev_snp::Product product() const { return product_; }
  // Signed under an emulator's root that the policy trusts by name: NOT a TEE.
  [[nodiscard]] bool emulated() const { return emulated_; }
  [[nodiscard]] evidence::sev_snp::Tcb decode(std::uint64_t tcb) const {
    return evidence::sev_snp::decode_tcb(tcb, product_);
  }

 private:
  friend class internal::Authenticator;
  AuthenticReport(const evidence::sev_snp::UnverifiedReport& claims, evidence::sev_snp::Product product, bool emulated)
      : claims_(claims), product_(product), emulated_(emulated) {}

  evidence::sev_snp::UnverifiedReport claims_;
  evidence::sev_snp::Product product_;
  bool emulated_;
};

}  // namespace blindbox::verifier
