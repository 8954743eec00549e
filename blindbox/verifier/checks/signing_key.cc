// SPDX-License-Identifier: Apache-2.0
// Which key does the report say that it was signed with? A VLEK must never pass for a chip's own key, nor the other
// way round: their certificates vouch for different things. With MASK_CHIP_KEY the firmware signs with no key at all.
#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier::checks {
namespace {

using evidence::sev_snp::SigningKey;
using internal::answer;
using internal::Answer;
using internal::AuthenticateContext;

Answer judge_mask(const AuthenticateContext& context) {
  return answer(!context.report.mask_chip_key, "0", context.report.mask_chip_key ? "1" : "0");
}

Answer judge_kind(const AuthenticateContext& context) {
  const std::uint8_t key = context.report.signing_key;
  const std::string_view name = endorsements::sev_snp::leaf_common_name(static_cast<SigningKey>(key));
  return answer(!name.empty(), "0 (VCEK) or 1 (VLEK)",
                std::to_string(key) + (name.empty() ? "" : " (" + std::string(name) + ")"));
}

}  // namespace

constinit const AuthenticateCheck kMaskChipKey{"sev_snp.mask_chip_key",
                                               "AMD 56860 rev. 1.58, Table 23, MASK_CHIP_KEY",
                                               "the host keeps the chip from signing reports",
                                               "",
                                               &judge_mask,
                                               "Refuses a host that keeps its chip from signing."};
constinit const AuthenticateCheck kSigningKey{"sev_snp.signing_key",
                                              "AMD 56860 rev. 1.58, Table 23, SIGNING_KEY",
                                              "the report is signed with no key of a chip or a provider",
                                              "",
                                              &judge_kind,
                                              "Refuses a report that no key of a chip or of a provider signed."};

}  // namespace blindbox::verifier::checks
