// SPDX-License-Identifier: Apache-2.0
// A COSE_Sign1 that parses is made of its parts: with the same headers, payload and signature it parses again, tagged or
// not, and what is signed holds the protected bytes and the payload. No byte that was signed is read from elsewhere.
#include <algorithm>

#include "blindbox/endorsements/uvm/endorsement.h"
#include "blindbox/evidence/cbor.h"
#include "blindbox/evidence/cose.h"
#include "tests/fuzz/fuzz.h"

namespace {

using blindbox::Bytes;
using blindbox::ByteView;

// The same message with an empty unprotected header and a tag.
Bytes rewrite(const blindbox::evidence::CoseSign1& message) {
  blindbox::evidence::CborWriter out;
  out.array(4);
  out.bytes(message.protected_bytes);
  out.map(0);
  out.bytes(message.payload);
  out.bytes(message.signature);
  Bytes bytes = out.take();
  bytes.insert(bytes.begin(), std::byte{0xD2});
  return bytes;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using blindbox::fuzz::must;
  const ByteView input = blindbox::fuzz::input(data, size);
  const auto message = blindbox::evidence::parse_cose_sign1(input);
  const auto endorsement = blindbox::endorsements::uvm::parse_endorsement(input);
  must(message.has_value() || !endorsement.has_value(), "an endorsement is a COSE_Sign1");
  if (!message) {
    must(!message.error().detail.empty(), "a refusal says why");
    return 0;
  }
  const Bytes signed_bytes = blindbox::evidence::signed_bytes(*message);
  must(signed_bytes.size() > message->protected_bytes.size() + message->payload.size(), "what is signed holds both");
  const Bytes again = rewrite(*message);
  const auto reread = blindbox::evidence::parse_cose_sign1(again);
  must(reread.has_value(), "a message parses again");
  must(blindbox::evidence::signed_bytes(*reread) == signed_bytes, "the same is signed");
  must(std::ranges::equal(reread->signature, message->signature), "the signature is the same");
  // The unprotected header says nothing to an endorsement.
  const auto rewritten = blindbox::endorsements::uvm::parse_endorsement(again);
  must(rewritten.has_value() == endorsement.has_value(), "the unprotected header decides nothing");
  if (endorsement) {
    must(rewritten->launch_measurement == endorsement->launch_measurement, "the measurement is signed");
    must(rewritten->svn == endorsement->svn && rewritten->feed == endorsement->feed, "the claims are signed");
  }
  return 0;
}
