// SPDX-License-Identifier: Apache-2.0
#include "blindbox/attested_tls/challenge.h"

#include <algorithm>

namespace blindbox::attested_tls {
namespace {

// map(1), unsigned(1), bytes with an 8-bit length, 32
constexpr ByteArray<4> kHead = {std::byte{0xA1}, std::byte{0x01}, std::byte{0x58}, std::byte{kNonceSize}};

}  // namespace

Bytes encode_challenge(const Nonce& nonce) {
  Bytes cbor = base::to_bytes(kHead);
  cbor.insert(cbor.end(), nonce.begin(), nonce.end());
  return cbor;
}

Result<Nonce> decode_challenge(ByteView cbor) {
  if (cbor.size() != kChallengeSize || !std::equal(kHead.begin(), kHead.end(), cbor.begin())) {
    return base::fail(
        ErrorKind::malformed, "not an attestation challenge",
        "expected the CBOR map {1: 32 bytes}, 36 bytes in all, got " + std::to_string(cbor.size()) + " bytes");
  }
  Nonce nonce;
  std::copy(cbor.begin() + kHead.size(), cbor.end(), nonce.begin());
  return nonce;
}

}  // namespace blindbox::attested_tls
