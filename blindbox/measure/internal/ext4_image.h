// SPDX-License-Identifier: Apache-2.0
// Where everything of a finished tree stands, and the bytes of all that is not a file's contents.
#pragma once

#include <functional>

#include "blindbox/measure/internal/ext4_tree.h"
#include "blindbox/measure/internal/image_hasher.h"

namespace blindbox::measure::internal {

class Ext4Image {
 public:
  // Places directories, inodes and bitmaps behind the contents. ErrorKind::limit past the tree's maximum. The tree must
  // outlive the image.
  [[nodiscard]] static Result<Ext4Image> lay_out(Tree& tree);

  [[nodiscard]] std::uint64_t size() const { return std::uint64_t{disk_blocks_} * kBlock; }

  // Writes size of an entry's contents.
  using Contents = std::function<Result<void>(const Piece& piece)>;
  // The whole image, in order.
  [[nodiscard]] Result<void> write(ImageHasher& out, const Contents& contents);

 private:
  explicit Ext4Image(Tree& tree) : tree_(tree) {}
  struct Directory {
    std::uint32_t inode = 0;
    std::uint32_t parent = 0;
  };
  struct Group {
    ByteArray<std::size_t{2} * kBlock> bitmaps{};  // of blocks, of inodes
    std::uint32_t used_blocks = 0;
    std::uint32_t used_inodes = 0;
    std::uint32_t directories = 0;
  };
  Result<void> place_directories();
  Result<void> place_tables();
  [[nodiscard]] Group group(std::uint32_t number) const;
  void write_superblock(ImageHasher& out) const;
  void write_descriptors(ImageHasher& out);
  void write_extent_nodes(ImageHasher& out, const Inode& inode) const;
  void write_inode_table(ImageHasher& out) const;

  Tree& tree_;
  std::vector<Directory> directories_;
  std::uint32_t groups_ = 0;
  std::uint32_t inodes_per_group_ = 0;
  std::uint32_t inode_table_ = 0;  // first blocks
  std::uint32_t bitmaps_ = 0;
  std::uint32_t used_blocks_ = 0;  // from the first block on
  std::uint32_t disk_blocks_ = 0;
  std::uint32_t free_blocks_ = 0;
  std::uint32_t free_inodes_ = 0;
};

// The children of a directory as it lists them: by inode, then by name.
[[nodiscard]] std::vector<const Inode::Children::value_type*> listed(const Inode& directory);
[[nodiscard]] std::uint64_t directory_size(const Inode& directory);
void write_directory(ImageHasher& out, Tree& tree, const Inode& directory, std::uint32_t parent);

// The first 152 bytes of an inode, its attributes behind them.
[[nodiscard]] ByteArray<kInodeSize> encode_inode(const Inode& inode);

}  // namespace blindbox::measure::internal
