// SPDX-License-Identifier: Apache-2.0
#include "blindbox/measure/internal/image_hasher.h"

#include <algorithm>

namespace blindbox::measure::internal {

ImageHasher::ImageHasher() : thread_([this] { work(); }) {}

ImageHasher::~ImageHasher() {
  {
    const std::lock_guard lock(mutex_);
    done_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

void ImageHasher::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return pending_ > 0 || done_; });
    if (pending_ == 0) return;
    const ByteView bytes = ByteView(working_).first(pending_);
    lock.unlock();
    image_.update(bytes);
    lock.lock();
    pending_ = 0;
    changed_.notify_all();
  }
}

// The tree is folded here while the thread hashes the same bytes.
void ImageHasher::hand_over() {
  if (used_ == 0) return;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return pending_ == 0; });
    std::swap(filling_, working_);
    pending_ = used_;
  }
  changed_.notify_all();
  tree_.update(ByteView(working_).first(used_));
  used_ = 0;
}

std::span<std::byte> ImageHasher::room() {
  if (used_ == kBuffer) hand_over();
  return std::span(filling_).subspan(used_);
}

void ImageHasher::commit(std::size_t length) {
  used_ += length;
  size_ += length;
}

void ImageHasher::write(ByteView bytes) {
  while (!bytes.empty()) {
    const std::span<std::byte> out = room();
    const std::size_t piece = std::min(out.size(), bytes.size());
    std::copy_n(bytes.begin(), piece, out.begin());
    commit(piece);
    bytes = bytes.subspan(piece);
  }
}

void ImageHasher::zeros(std::uint64_t length) {
  while (length > 0) {
    const std::span<std::byte> out = room();
    const auto piece = static_cast<std::size_t>(std::min<std::uint64_t>(out.size(), length));
    std::fill_n(out.begin(), piece, std::byte{0});
    commit(piece);
    length -= piece;
  }
}

void ImageHasher::fill_block() { zeros(-size_ % kBlock); }

ImageHasher::Digests ImageHasher::finish() {
  hand_over();
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return pending_ == 0; });
  return {image_.finish(), tree_.root()};
}

}  // namespace blindbox::measure::internal
