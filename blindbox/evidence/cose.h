// SPDX-License-Identifier: Apache-2.0
// COSE_Sign1, a signed message of one signer (RFC 9052 section 4.2): taken apart, not verified.
#pragma once

#include "blindbox/evidence/cbor_value.h"

namespace blindbox::evidence {

// More is refused before parsing; Azure's have some 11 KiB.
inline constexpr std::size_t kCoseCap = std::size_t{256} << 10;

// Views into the bytes that were parsed, which must live as long.
struct CoseSign1 {
  CborValue protected_header;    // a map
  CborValue unprotected_header;  // a map; nobody signed it
  ByteView protected_bytes;      // as they were signed: never parsed and written again
  ByteView payload;
  ByteView signature;
};

// With tag 18 or without. Malformed: over the cap, not CBOR as cbor_value.h wants it, another structure, a payload that
// travels apart, one label in both headers.
[[nodiscard]] Result<CoseSign1> parse_cose_sign1(ByteView cose);

// What the signature is over: Sig_structure of RFC 9052 section 4.4, without external data.
[[nodiscard]] Bytes signed_bytes(const CoseSign1& message);

}  // namespace blindbox::evidence
