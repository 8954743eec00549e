// SPDX-License-Identifier: Apache-2.0
// Message M1: POST /.well-known/blindbox/attestation with the CBOR map {1: nonce}.
#pragma once

#include "blindbox/attested_tls/binder.h"

namespace blindbox::attested_tls {

inline constexpr std::string_view kAttestationPath = "/.well-known/blindbox/attestation";
inline constexpr std::string_view kCbor = "application/cbor";
// The one encoding there is: a1 01 58 20 and the nonce.
inline constexpr std::size_t kChallengeSize = 4 + kNonceSize;

[[nodiscard]] Bytes encode_challenge(const Nonce& nonce);
// Malformed for every other sequence of bytes.
[[nodiscard]] Result<Nonce> decode_challenge(ByteView cbor);

}  // namespace blindbox::attested_tls
