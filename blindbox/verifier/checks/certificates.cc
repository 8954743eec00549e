// SPDX-License-Identifier: Apache-2.0
// Can the certificates beside the report be read at all?
#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier::checks {
namespace {

using internal::answer;
using internal::Answer;
using internal::ParseContext;

Answer judge(const ParseContext& context) {
  const auto& certificates = context.certificates;
  return answer(certificates.has_value(), "DER certificates",
                certificates ? std::to_string(certificates->size()) + " certificates" : certificates.error().what);
}

}  // namespace

constinit const ParseCheck kCertificatesReadable{"sev_snp.certificates.readable",
                                                 "RFC 5280, section 4.1",
                                                 "a certificate in the evidence cannot be read",
                                                 "",
                                                 &judge,
                                                 "Refuses oversize certificates, trailing bytes and ambiguous names."};

}  // namespace blindbox::verifier::checks
