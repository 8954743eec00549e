// SPDX-License-Identifier: Apache-2.0
#include "blindbox/measure/internal/verity.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace blindbox::measure::internal {
namespace {

constexpr ByteArray<32> kSalt{};

// OpenSSL fails here only where memory or the provider is gone, and a wrong digest must never be handed out.
void must(bool ok) {
  if (!ok) std::abort();
}

bool is_zero(ByteView block) {
  return block[0] == std::byte{0} && std::memcmp(block.data(), block.data() + 1, block.size() - 1) == 0;
}

}  // namespace

Sha256Stream::Sha256Stream()
    : algorithm_(::EVP_MD_fetch(nullptr, "SHA256", nullptr), &::EVP_MD_free),
      context_(::EVP_MD_CTX_new(), &::EVP_MD_CTX_free) {
  must(algorithm_ && context_ && ::EVP_DigestInit_ex2(context_.get(), algorithm_.get(), nullptr) == 1);
}

void Sha256Stream::update(ByteView bytes) { must(::EVP_DigestUpdate(context_.get(), bytes.data(), bytes.size()) == 1); }

base::Sha256 Sha256Stream::finish() {
  base::Sha256 out{};
  must(::EVP_DigestFinal_ex(context_.get(), reinterpret_cast<unsigned char*>(out.data()), nullptr) == 1);
  must(::EVP_DigestInit_ex2(context_.get(), nullptr, nullptr) == 1);
  return out;
}

VerityTree::VerityTree() : hash_of_zeros_(hash(ByteArray<kBlock>{})) {}

base::Sha256 VerityTree::hash(ByteView block) {
  sha_.update(kSalt);
  sha_.update(block);
  return sha_.finish();
}

void VerityTree::update(ByteView blocks) {
  for (; !blocks.empty(); blocks = blocks.subspan(kBlock)) {
    const ByteView block = blocks.first(kBlock);
    push(0, is_zero(block) ? hash_of_zeros_ : hash(block));
  }
}

void VerityTree::push(std::size_t level, const base::Sha256& digest) {
  if (level == levels_.size()) levels_.emplace_back();
  Level& here = levels_[level];
  std::copy(digest.begin(), digest.end(), here.hashes.begin() + static_cast<std::ptrdiff_t>(here.used));
  here.used += digest.size();
  if (here.used < here.hashes.size()) return;
  const base::Sha256 above = hash(here.hashes);
  here.used = 0;
  push(level + 1, above);
}

base::Sha256 VerityTree::root() {
  for (std::size_t level = 0;; ++level) {
    Level& here = levels_[level];
    const bool top = level + 1 == levels_.size();
    base::Sha256 digest{};
    if (top && level > 0 && here.used == digest.size()) {  // the one block below is the tree's root
      std::copy_n(here.hashes.begin(), digest.size(), digest.begin());
      return digest;
    }
    if (!top && here.used == 0) continue;  // its blocks were full, and were handed up
    std::fill(here.hashes.begin() + static_cast<std::ptrdiff_t>(here.used), here.hashes.end(), std::byte{0});
    digest = hash(here.hashes);
    if (top) return digest;
    push(level + 1, digest);
  }
}

}  // namespace blindbox::measure::internal
