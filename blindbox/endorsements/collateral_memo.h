// SPDX-License-Identifier: Apache-2.0
// Vendor collateral is the same on every connection, and reading it again is a third of a verification: what a
// certificate's bytes parse to, and that one key signed one certificate, is remembered by hash. Both are functions of
// those bytes alone, so nothing that depends on time, policy or evidence can be stale. A verdict is never remembered.
#pragma once

#include "blindbox/endorsements/certificate.h"

namespace blindbox::endorsements {

// Certificate::parse, remembered where it succeeded. Thread-safe.
[[nodiscard]] Result<Certificate> parse_remembered(ByteView der);

// Whether issuer's key signed the certificate (RFC 5280, section 6.1.3, (a)(1)); a yes is remembered. Thread-safe.
[[nodiscard]] bool is_signed_by(const Certificate& certificate, const Certificate& issuer);

// For benchmarks that ask what a first verification costs.
void forget_collateral();

}  // namespace blindbox::endorsements
