// SPDX-License-Identifier: Apache-2.0
// Counts what a benchmark's program allocates, with C++'s new and within OpenSSL.
#pragma once

#include <cstdint>

namespace blindbox::bench {

struct Allocations {
  std::uint64_t count = 0;
  std::uint64_t bytes = 0;
};

// Before the first call into OpenSSL: it takes its allocator once.
void count_openssl_allocations();
[[nodiscard]] Allocations allocations();

}  // namespace blindbox::bench
