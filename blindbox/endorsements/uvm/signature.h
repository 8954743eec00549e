// SPDX-License-Identifier: Apache-2.0
// Who signed an endorsement, question by question: the verifier asks them all.
#pragma once

#include "blindbox/endorsements/uvm/endorsement.h"

namespace blindbox::endorsements::uvm {

// RSASSA-PSS with SHA-384, MGF1 with SHA-384 and a salt of 48 bytes (RFC 8230, PS384): Azure's only one.
inline constexpr std::int64_t kPs384 = -38;

// The chain is a certification path whose dates hold at the signing time, that time is not after now, and the leaf is
// no authority and may sign. Whether its last certificate is to be trusted is the caller's question.
[[nodiscard]] Result<void> check_chain(const UnverifiedEndorsement& endorsement, base::Time now);
// The leaf's RSA key of at least 2048 bits (RFC 8230 section 6.1) signed these bytes.
[[nodiscard]] Result<void> check_signature(const UnverifiedEndorsement& endorsement);

}  // namespace blindbox::endorsements::uvm
