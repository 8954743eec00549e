// SPDX-License-Identifier: Apache-2.0
#include "allocations.h"

#include <openssl/crypto.h>

#include <atomic>
#include <cstdlib>
#include <new>

#include "measure.h"

namespace {

std::atomic<std::uint64_t> count{0}, bytes{0};

void* counted(std::size_t size) {
  count.fetch_add(1, std::memory_order_relaxed);
  bytes.fetch_add(size, std::memory_order_relaxed);
  return std::malloc(size);
}

void* openssl_malloc(std::size_t size, const char*, int) { return counted(size); }
void* openssl_realloc(void* old, std::size_t size, const char*, int) {
  count.fetch_add(1, std::memory_order_relaxed);
  bytes.fetch_add(size, std::memory_order_relaxed);
  return std::realloc(old, size);
}
void openssl_free(void* old, const char*, int) { std::free(old); }

}  // namespace

void* operator new(std::size_t size) {
  if (void* const memory = counted(size)) return memory;
  throw std::bad_alloc();
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

namespace blindbox::bench {

void count_openssl_allocations() {
  require(CRYPTO_set_mem_functions(&openssl_malloc, &openssl_realloc, &openssl_free) == 1, "OpenSSL was used before");
}

Allocations allocations() { return {count.load(), bytes.load()}; }

}  // namespace blindbox::bench
