// SPDX-License-Identifier: Apache-2.0
// Both digests of an image from one pass over its bytes: the whole image's on a thread of its own, the hash tree's on
// the caller's.
#pragma once

#include <condition_variable>
#include <mutex>
#include <thread>

#include "blindbox/measure/internal/verity.h"

namespace blindbox::measure::internal {

class ImageHasher {
 public:
  ImageHasher();
  ~ImageHasher();
  ImageHasher(const ImageHasher&) = delete;
  ImageHasher& operator=(const ImageHasher&) = delete;

  // Room for the next bytes, never empty; commit says how many of it were written.
  [[nodiscard]] std::span<std::byte> room();
  void commit(std::size_t length);
  void write(ByteView bytes);
  void zeros(std::uint64_t length);
  // Zeros up to the next block.
  void fill_block();

  [[nodiscard]] std::uint64_t size() const { return size_; }

  struct Digests {
    base::Sha256 image;
    base::Sha256 root;
  };
  // The image must be whole blocks, at least one.
  [[nodiscard]] Digests finish();

 private:
  void hand_over();
  void work();

  static constexpr std::size_t kBuffer = std::size_t{1} << 20;
  Bytes filling_ = Bytes(kBuffer);
  Bytes working_ = Bytes(kBuffer);
  std::size_t used_ = 0;
  std::uint64_t size_ = 0;
  VerityTree tree_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t pending_ = 0;  // bytes of working_ that the thread has not hashed yet
  bool done_ = false;
  Sha256Stream image_;  // the thread's while pending_
  std::thread thread_;
};

}  // namespace blindbox::measure::internal
