// SPDX-License-Identifier: Apache-2.0
// dm-verity's hash tree (kernel.org, "dm-verity"; hash type 1, SHA-256, blocks of 4096 bytes, a salt of 32 zero bytes),
// folded as the blocks come: one block of hashes a level is all that is kept.
#pragma once

#include <openssl/evp.h>

#include <memory>
#include <vector>

#include "blindbox/base/digest.h"
#include "blindbox/measure/internal/ext4_format.h"

namespace blindbox::measure::internal {

// SHA-256 of pieces. The context is used again, which matters for 4096 bytes at a time.
class Sha256Stream {
 public:
  Sha256Stream();
  void update(ByteView bytes);
  // Begins anew.
  [[nodiscard]] base::Sha256 finish();

 private:
  std::unique_ptr<EVP_MD, decltype(&EVP_MD_free)> algorithm_;
  std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context_;
};

class VerityTree {
 public:
  VerityTree();
  // Whole blocks of the device, in order.
  void update(ByteView blocks);
  // Of at least one block. Levels are filled with zeros to whole blocks, as "veritysetup format" does. (hcsshim before
  // 0.13 added a block of zeros to a level that was full, which no kernel would have accepted.)
  [[nodiscard]] base::Sha256 root();

 private:
  struct Level {
    ByteArray<kBlock> hashes{};
    std::size_t used = 0;
  };
  void push(std::size_t level, const base::Sha256& digest);
  base::Sha256 hash(ByteView block);

  Sha256Stream sha_;
  base::Sha256 hash_of_zeros_;
  std::vector<Level> levels_;
};

}  // namespace blindbox::measure::internal
