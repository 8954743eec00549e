// SPDX-License-Identifier: Apache-2.0
// A quote that parses writes back as it was read: no two inputs read as the same quote. The same holds of a signature in
// its frame.
#include <algorithm>

#include "blindbox/evidence/azure_vm/quote.h"
#include "tests/fuzz/fuzz.h"

namespace {

using blindbox::Bytes;
using blindbox::ByteView;
namespace azure_vm = blindbox::evidence::azure_vm;

void number(Bytes& out, std::uint64_t value, unsigned width) {
  for (unsigned i = width; i-- > 0;) out.push_back(static_cast<std::byte>(value >> (8 * i) & 0xFFU));
}

void append(Bytes& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

void sized(Bytes& out, ByteView bytes) {
  number(out, bytes.size(), 2);
  append(out, bytes);
}

Bytes write(const azure_vm::UnverifiedQuote& quote) {
  Bytes out;
  number(out, 0xFF5443478018, 6);
  sized(out, quote.qualified_signer);
  sized(out, quote.extra_data);
  number(out, quote.clock, 8), number(out, quote.reset_count, 4), number(out, quote.restart_count, 4);
  number(out, quote.safe ? 1 : 0, 1), number(out, quote.firmware_version, 8);
  number(out, quote.pcr_select.size(), 4);
  for (const auto& selection : quote.pcr_select) {
    number(out, selection.hash, 2), number(out, selection.select.size(), 1);
    append(out, selection.select);
  }
  sized(out, quote.pcr_digest);
  return out;
}

Bytes write(const azure_vm::UnverifiedQuoteSignature& signature) {
  Bytes out;
  number(out, signature.scheme == azure_vm::RsaScheme::rsapss ? 0x0016 : 0x0014, 2);
  number(out, signature.hash.value_or(0), 2);
  sized(out, signature.signature);
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using blindbox::fuzz::must;
  const ByteView input = blindbox::fuzz::input(data, size);
  const auto quote = azure_vm::parse_quote(input);
  if (quote) {
    must(std::ranges::equal(write(*quote), input), "a quote writes back as it was read");
    for (const auto& selection : quote->pcr_select) {
      const auto pcrs = selection.pcrs();
      must(std::ranges::is_sorted(pcrs) && (pcrs.empty() || pcrs.back() < azure_vm::kMaxPcrs), "PCRs are in range");
    }
  }
  const auto signature = azure_vm::parse_quote_signature(input);
  if (signature) {
    must(std::ranges::equal(signature->signature, input) || std::ranges::equal(write(*signature), input),
         "a signature writes back as it was read");
  }
  return 0;
}
