// SPDX-License-Identifier: Apache-2.0
// What targets share: bytes in, and a property that must hold in every build.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>

#include "blindbox/base/bytes.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace blindbox::fuzz {

inline ByteView input(const std::uint8_t* data, std::size_t size) { return std::as_bytes(std::span(data, size)); }

inline void must(bool holds, const char* property) {
  if (holds) return;
  std::fprintf(stderr, "property does not hold: %s\n", property);
  std::abort();
}

}  // namespace blindbox::fuzz
