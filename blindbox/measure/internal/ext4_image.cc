// SPDX-License-Identifier: Apache-2.0
#include "blindbox/measure/internal/ext4_image.h"

#include <algorithm>

namespace blindbox::measure::internal {
namespace {

constexpr std::uint32_t kInodesStep = kBlock / kInodeSize;
constexpr std::uint32_t kMaxInodesPerGroup = kBlock * 8;

std::uint32_t group_count(std::uint32_t blocks, std::uint32_t inodes, std::uint32_t inodes_per_group) {
  const std::uint32_t data_blocks = kBlocksPerGroup - inodes_per_group * kInodeSize / kBlock - 2;
  blocks = std::max(blocks, (inodes - 1) / inodes_per_group * data_blocks + 1);
  return (blocks + data_blocks - 1) / data_blocks;
}

void set_bit(std::span<std::byte> bits, std::uint32_t at) { bits[at / 8] |= std::byte{1} << (at % 8); }
void clear_bit(std::span<std::byte> bits, std::uint32_t at) { bits[at / 8] &= ~(std::byte{1} << (at % 8)); }

}  // namespace

Result<Ext4Image> Ext4Image::lay_out(Tree& tree) {
  Ext4Image image(tree);
  if (auto placed = image.place_directories(); !placed) return base::pass_on(placed);
  if (auto placed = image.place_tables(); !placed) return base::pass_on(placed);
  return image;
}

// Depth first, a directory before those in it. A stack, not recursion: an archive decides how deep they are.
Result<void> Ext4Image::place_directories() {
  std::vector<Directory> stack{{kRootInode, kRootInode}};
  while (!stack.empty()) {
    const Directory here = stack.back();
    stack.pop_back();
    Inode& inode = tree_.inode(here.inode);
    inode.size = directory_size(inode);
    if (auto placed = tree_.allocate_contents(inode, inode.size, {Piece::Kind::directory, here.inode, 0}); !placed)
      return placed;
    directories_.push_back(here);
    const auto children = listed(inode);
    for (auto child = children.rbegin(); child != children.rend(); ++child) {
      if (tree_.inode((*child)->second).is_directory()) stack.push_back({(*child)->second, here.inode});
    }
  }
  return {};
}

Result<void> Ext4Image::place_tables() {
  const std::uint32_t inodes = tree_.inode_count();
  groups_ = 0xffffffff;
  for (std::uint32_t per_group = kInodesStep; per_group <= kMaxInodesPerGroup; per_group += kInodesStep) {
    const std::uint32_t count = group_count(tree_.end_block(), inodes, per_group);
    if (count >= groups_) continue;
    groups_ = count;
    inodes_per_group_ = per_group;
  }
  const auto table = tree_.allocate(std::uint64_t{groups_} * inodes_per_group_ * kInodeSize);
  if (!table) return tl::unexpected(table.error());
  const auto bitmaps = tree_.allocate(std::uint64_t{groups_} * 2 * kBlock);
  if (!bitmaps) return tl::unexpected(bitmaps.error());
  inode_table_ = *table;
  bitmaps_ = *bitmaps;
  used_blocks_ = bitmaps_ + groups_ * 2;
  disk_blocks_ = std::max(used_blocks_, (groups_ - 1) * kBlocksPerGroup + 1);
  const bool described = (groups_ - 1) / kGroupsPerDescriptorBlock + 1 <= tree_.descriptor_blocks();
  if (!described || size() > tree_.max_size()) {
    return base::fail(ErrorKind::limit, "the image would exceed " + std::to_string(tree_.max_size()) + " bytes");
  }
  return {};
}

Ext4Image::Group Ext4Image::group(std::uint32_t number) const {
  Group out;
  const std::span<std::byte> blocks = std::span(out.bitmaps).first(kBlock);
  const std::span<std::byte> inodes = std::span(out.bitmaps).subspan(kBlock);
  const std::uint32_t first = number * kBlocksPerGroup;
  const std::uint32_t used = used_blocks_ > first ? std::min(used_blocks_ - first, kBlocksPerGroup) : 0;
  for (std::uint32_t i = 0; i < used; ++i) set_bit(blocks, i);
  out.used_blocks = used;
  if (number == 0) {  // room for descriptors that was not needed
    const std::uint32_t descriptors = (groups_ - 1) / kGroupsPerDescriptorBlock + 1;
    for (std::uint32_t i = 1 + descriptors; i < 1 + tree_.descriptor_blocks(); ++i) clear_bit(blocks, i);
    out.used_blocks -= tree_.descriptor_blocks() - descriptors;
  }
  if (number == groups_ - 1 && disk_blocks_ % kBlocksPerGroup != 0) {  // blocks behind the end of the disk
    for (std::uint32_t i = disk_blocks_ % kBlocksPerGroup; i < kBlocksPerGroup; ++i) set_bit(blocks, i);
    out.used_blocks += kBlocksPerGroup - disk_blocks_ % kBlocksPerGroup;
  }
  for (std::uint32_t i = 0; i < inodes_per_group_; ++i) {
    const std::uint32_t inode = 1 + number * inodes_per_group_ + i;
    const Inode* const found = tree_.find_inode(inode);
    if (inode >= kFirstInode && found == nullptr) break;
    set_bit(inodes, i);
    ++out.used_inodes;
    if (found != nullptr && found->is_directory()) ++out.directories;
  }
  return out;
}

void Ext4Image::write_superblock(ImageHasher& out) const {
  constexpr std::uint16_t kExtraSize = 24;
  ByteArray<kBlock> block{};
  const std::span<std::byte> super = std::span(block).subspan(1024, 1024);
  put(super, 0, inodes_per_group_ * groups_);
  put(super, 4, disk_blocks_);
  put(super, 12, free_blocks_);
  put(super, 16, free_inodes_);
  put(super, 24, std::uint32_t{2});  // a block is 2^(10 + 2) bytes
  put(super, 28, std::uint32_t{2});
  put(super, 32, kBlocksPerGroup);
  put(super, 36, kBlocksPerGroup);
  put(super, 40, inodes_per_group_);
  put(super, 56, std::uint16_t{0xef53});
  put(super, 58, std::uint16_t{1});  // cleanly unmounted
  put(super, 60, std::uint16_t{1});  // continue after errors
  put(super, 76, std::uint32_t{1});  // inodes have a size
  put(super, 84, kFirstInode);
  put(super, 88, static_cast<std::uint16_t>(kInodeSize));
  put(super, 92, std::uint32_t{0x200 | 0x8});                 // sparse_super2, ext_attr
  put(super, 96, std::uint32_t{0x2 | 0x40 | 0x200});          // filetype, extents, flex_bg
  put(super, 100, std::uint32_t{0x2 | 0x8 | 0x40 | 0x1000});  // large_file, huge_file, extra_isize, readonly
  put(super, 348, kExtraSize);
  put(super, 350, kExtraSize);
  put(super, 372, std::uint8_t{31});  // one flexible group
  put(super, 616, kFirstInode);       // lost+found
  out.write(block);
}

void Ext4Image::write_descriptors(ImageHasher& out) {
  const std::uint32_t table_blocks = inodes_per_group_ * kInodeSize / kBlock;
  std::uint32_t used_blocks = 0, used_inodes = 0;
  Bytes descriptors(std::size_t{tree_.descriptor_blocks()} * kBlock);
  for (std::uint32_t g = 0; g < groups_; ++g) {
    const Group counts = group(g);
    used_blocks += counts.used_blocks;
    used_inodes += counts.used_inodes;
    const std::span<std::byte> descriptor = std::span(descriptors).subspan(std::size_t{g} * 32, 32);
    put(descriptor, 0, bitmaps_ + 2 * g);
    put(descriptor, 4, bitmaps_ + 2 * g + 1);
    put(descriptor, 8, inode_table_ + g * table_blocks);
    put(descriptor, 12, static_cast<std::uint16_t>(kBlocksPerGroup - counts.used_blocks));
    put(descriptor, 14, static_cast<std::uint16_t>(inodes_per_group_ - counts.used_inodes));
    put(descriptor, 16, static_cast<std::uint16_t>(counts.directories));
  }
  free_blocks_ = kBlocksPerGroup * groups_ - used_blocks;
  free_inodes_ = inodes_per_group_ * groups_ - used_inodes;
  write_superblock(out);
  out.write(descriptors);
}

void Ext4Image::write_inode_table(ImageHasher& out) const {
  for (std::uint32_t number = 1; number <= tree_.inode_count(); ++number) {
    const Inode* const inode = tree_.find_inode(number);
    if (inode != nullptr) {
      out.write(encode_inode(*inode));
    } else {
      out.zeros(kInodeSize);
    }
  }
  out.zeros((std::uint64_t{groups_} * inodes_per_group_ - tree_.inode_count()) * kInodeSize);
}

Result<void> Ext4Image::write(ImageHasher& out, const Contents& contents) {
  write_descriptors(out);
  auto directory = directories_.begin();
  for (const Piece& piece : tree_.pieces()) {
    switch (piece.kind) {
      case Piece::Kind::contents:
        if (auto written = contents(piece); !written) return written;
        break;
      case Piece::Kind::link: out.write(base::view(tree_.link_text(piece.source))); break;
      case Piece::Kind::extents: write_extent_nodes(out, tree_.inode(static_cast<std::uint32_t>(piece.source))); break;
      case Piece::Kind::xattrs: {
        const StoredXattrs& stored = tree_.xattr_block(piece.source);
        out.write(base::view(stored.block_head));
        out.zeros(kBlock - stored.block_head.size() - stored.block_tail.size());
        out.write(base::view(stored.block_tail));
        break;
      }
      case Piece::Kind::directory:
        write_directory(out, tree_, tree_.inode(directory->inode), directory->parent);
        ++directory;
        break;
    }
    out.fill_block();
  }
  write_inode_table(out);
  for (std::uint32_t g = 0; g < groups_; ++g) out.write(group(g).bitmaps);
  out.zeros(size() - out.size());
  return {};
}

}  // namespace blindbox::measure::internal
