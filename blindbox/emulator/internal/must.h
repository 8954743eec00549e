// SPDX-License-Identifier: Apache-2.0
// For OpenSSL calls on values of our own making, which fail only when memory is gone or the library is broken.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace blindbox::emulator::internal {

inline void must(bool done, const char* what) {
  if (done) return;
  std::fprintf(stderr, "blindbox: error: the emulator cannot %s\n", what);
  std::abort();
}

template <typename T>
T must_have(T object, const char* what) {
  must(object != nullptr, what);
  return object;
}

}  // namespace blindbox::emulator::internal
