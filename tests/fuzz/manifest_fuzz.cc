// SPDX-License-Identifier: Apache-2.0
// A manifest that is accepted is canonical, and reads back equal.
#include "blindbox/evidence/manifest.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const blindbox::ByteView input = blindbox::fuzz::input(data, size);
  const auto manifest = blindbox::evidence::decode_manifest(input);
  if (!manifest) return 0;
  const std::string text = encode_manifest(*manifest);
  blindbox::fuzz::must(text == blindbox::base::as_text(input), "a manifest is canonical");
  const auto again = blindbox::evidence::decode_manifest(blindbox::base::view(text));
  blindbox::fuzz::must(again && *again == *manifest, "a manifest reads back equal");
  return 0;
}
