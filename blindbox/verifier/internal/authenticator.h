// SPDX-License-Identifier: Apache-2.0
// The one door through which an unverified report becomes an authentic one. verify.cc opens it after every check of
// the authenticate stage passed; tests of the appraise checks open it to state a report.
#pragma once

#include "blindbox/verifier/authentic_report.h"

namespace blindbox::verifier::internal {

class Authenticator {
 public:
  [[nodiscard]] static AuthenticReport admit(const evidence::sev_snp::UnverifiedReport& claims,
                                             evidence::sev_snp::Product product, bool emulated) {
    return {claims, product, emulated};
  }
};

}  // namespace blindbox::verifier::internal
