// SPDX-License-Identifier: Apache-2.0
// A challenge that is accepted has one encoding: the one that was read.
#include <algorithm>

#include "blindbox/attested_tls/challenge.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const blindbox::ByteView input = blindbox::fuzz::input(data, size);
  const auto nonce = blindbox::attested_tls::decode_challenge(input);
  const bool shaped = size == blindbox::attested_tls::kChallengeSize && data[0] == 0xA1 && data[1] == 0x01 &&
                      data[2] == 0x58 && data[3] == 0x20;
  blindbox::fuzz::must(nonce.has_value() == shaped, "a challenge is a1 01 58 20 and 32 bytes");
  if (nonce)
    blindbox::fuzz::must(std::ranges::equal(blindbox::attested_tls::encode_challenge(*nonce), input),
                         "a challenge encodes as it was read");
  return 0;
}
