// SPDX-License-Identifier: Apache-2.0
// A bundle that is accepted has one encoding: the one that was read.
#include <algorithm>

#include "blindbox/evidence/bundle.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const blindbox::ByteView input = blindbox::fuzz::input(data, size);
  const auto bundle = blindbox::evidence::decode_bundle(input);
  if (bundle) {
    blindbox::fuzz::must(std::ranges::equal(encode_bundle(*bundle), input), "a bundle encodes as it was read");
  } else {
    blindbox::fuzz::must(!bundle.error().detail.empty() || input.size() > blindbox::evidence::kBundleCap,
                         "a refusal says why");
  }
  return 0;
}
