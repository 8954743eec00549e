// SPDX-License-Identifier: Apache-2.0
// Directories are lists of entries in blocks (ext4, "Linear (Classic) Directories"); each block ends with an empty entry.
#include <algorithm>

#include "blindbox/measure/internal/ext4_image.h"

namespace blindbox::measure::internal {
namespace {

constexpr std::uint32_t kEntryHeader = 8;
constexpr std::uint32_t kSmallestEntry = 12;

std::uint32_t entry_size(std::string_view name) {
  return (kEntryHeader + static_cast<std::uint32_t>(name.size()) + 3) & ~std::uint32_t{3};
}

std::uint8_t file_type(std::uint16_t type) {
  switch (type) {
    case kRegular: return 1;
    case kDirectory: return 2;
    case kCharacterDevice: return 3;
    case kBlockDevice: return 4;
    case kFifo: return 5;
    case kSymlink: return 7;
    default: return 0;
  }
}

// Entries into blocks; without out it only counts.
class Packer {
 public:
  explicit Packer(ImageHasher* out) : out_(out) {}
  void add(std::uint32_t number, std::uint16_t type, std::string_view name) {
    const std::uint32_t size = entry_size(name);
    if (left_ < size + kSmallestEntry) finish_block();
    if (out_ != nullptr) {
      ByteArray<kEntryHeader + kMaxName + 3> entry{};
      put(entry, 0, number);
      put(entry, 4, static_cast<std::uint16_t>(size));
      put(entry, 6, static_cast<std::uint8_t>(name.size()));
      put(entry, 7, file_type(type));
      std::copy_n(base::view(name).begin(), name.size(), entry.begin() + kEntryHeader);
      out_->write(ByteView(entry).first(size));
    }
    left_ -= size;
  }
  void finish_block() {
    if (out_ != nullptr) {
      ByteArray<kEntryHeader> entry{};
      put(entry, 4, static_cast<std::uint16_t>(left_));
      out_->write(entry);
      out_->zeros(left_ - kEntryHeader);
    }
    left_ = kBlock;
    size_ += kBlock;
  }
  [[nodiscard]] std::uint64_t size() const { return size_; }

 private:
  ImageHasher* out_;
  std::uint32_t left_ = kBlock;
  std::uint64_t size_ = 0;
};

}  // namespace

std::vector<const Inode::Children::value_type*> listed(const Inode& directory) {
  std::vector<const Inode::Children::value_type*> out;
  out.reserve(directory.children->size());
  for (const auto& child : *directory.children) out.push_back(&child);
  std::stable_sort(out.begin(), out.end(), [](const auto* a, const auto* b) { return a->second < b->second; });
  return out;
}

std::uint64_t directory_size(const Inode& directory) {
  Packer packer(nullptr);
  packer.add(0, 0, ".");
  packer.add(0, 0, "..");
  for (const auto* child : listed(directory)) packer.add(0, 0, child->first);
  packer.finish_block();
  return packer.size();
}

void write_directory(ImageHasher& out, Tree& tree, const Inode& directory, std::uint32_t parent) {
  Packer packer(&out);
  packer.add(directory.number, kDirectory, ".");
  packer.add(parent, kDirectory, "..");
  for (const auto* child : listed(directory)) packer.add(child->second, tree.inode(child->second).type(), child->first);
  packer.finish_block();
}

}  // namespace blindbox::measure::internal
