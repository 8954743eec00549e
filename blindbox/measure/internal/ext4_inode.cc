// SPDX-License-Identifier: Apache-2.0
// An inode's 256 bytes (ext4, "Index Nodes") and the extents of its contents ("Extent Tree").
#include <algorithm>

#include "blindbox/measure/internal/ext4_image.h"

namespace blindbox::measure::internal {
namespace {

constexpr std::size_t kFields = 152;  // through the nanoseconds of the creation time
constexpr std::size_t kBlockField = 40;
constexpr std::size_t kBlockFieldSize = 60;
constexpr std::size_t kExtentSize = 12;
constexpr std::uint16_t kRootExtents = 4;

std::uint32_t extent_count(const Inode& inode) {
  return (inode.blocks + kMaxBlocksPerExtent - 1) / kMaxBlocksPerExtent;
}

void put_extent_header(std::span<std::byte> out, std::uint32_t entries, std::uint16_t room, std::uint16_t depth) {
  put(out, 0, kExtentMagic);
  put(out, 2, static_cast<std::uint16_t>(entries));
  put(out, 4, room);
  put(out, 6, depth);
}

// From a block of the file on. Arithmetic in 32 bits, as in the original: see write_extent_nodes.
void put_extents(std::span<std::byte> out, const Inode& inode, std::uint32_t offset, std::uint32_t count) {
  // The original adds the offset of a node twice.
  const std::uint32_t start = inode.first_block + offset;
  for (std::uint32_t i = 0; i < count; ++i) {
    const std::uint32_t block = offset + i * kMaxBlocksPerExtent;
    const std::uint32_t length = std::min(inode.blocks - block, kMaxBlocksPerExtent);
    const std::size_t at = kExtentSize * (i + 1);
    put(out, at, block);
    put(out, at + 4, static_cast<std::uint16_t>(length));
    put(out, at + 8, start + block);
  }
}

void put_root_extents(std::span<std::byte> out, const Inode& inode) {
  const std::uint32_t extents = extent_count(inode);
  if (extents <= kRootExtents) {
    put_extent_header(out, extents, kRootExtents, 0);
    put_extents(out, inode, 0, extents);
    return;
  }
  const std::uint32_t nodes = extents / kExtentsPerBlock + 1;
  put_extent_header(out, nodes, kRootExtents, 1);
  for (std::uint32_t i = 0; i < nodes && i < kRootExtents; ++i) {
    put(out, kExtentSize * (i + 1), i * kExtentsPerBlock * kMaxBlocksPerExtent);
    put(out, kExtentSize * (i + 1) + 4, inode.first_block + inode.blocks + i);
  }
}

void put_block_field(std::span<std::byte> out, const Inode& inode) {
  switch (inode.type()) {
    case kDirectory:
    case kRegular:
    case kSymlink:
      if ((inode.flags & kExtentsFlag) != 0) return put_root_extents(out, inode);
      std::copy_n(base::view(inode.short_link).begin(), inode.short_link.size(), out.begin());
      return;
    case kCharacterDevice:
    case kBlockDevice:
      put(out, 4, (inode.device_minor & 0xff) | inode.device_major << 8 | (inode.device_minor & 0xffffff00) << 12);
      return;
    default: return;
  }
}

}  // namespace

ByteArray<kInodeSize> encode_inode(const Inode& inode) {
  ByteArray<kInodeSize> out{};
  put(out, 0, inode.mode);
  put(out, 2, static_cast<std::uint16_t>(inode.uid));
  put(out, 4, static_cast<std::uint32_t>(inode.size));
  put(out, 8, static_cast<std::uint32_t>(inode.accessed));
  put(out, 12, static_cast<std::uint32_t>(inode.changed));
  put(out, 16, static_cast<std::uint32_t>(inode.modified));
  put(out, 24, static_cast<std::uint16_t>(inode.gid));
  put(out, 26, static_cast<std::uint16_t>(inode.links));
  put(out, 28, inode.block_count);
  put(out, 32, inode.flags);
  put_block_field(std::span(out).subspan(kBlockField, kBlockFieldSize), inode);
  put(out, 104, inode.xattr_block);
  put(out, 108, static_cast<std::uint32_t>(inode.size >> 32));
  put(out, 120, static_cast<std::uint16_t>(inode.uid >> 16));
  put(out, 122, static_cast<std::uint16_t>(inode.gid >> 16));
  put(out, 128, static_cast<std::uint16_t>(kFields - 128));
  put(out, 132, static_cast<std::uint32_t>(inode.changed >> 32));
  put(out, 136, static_cast<std::uint32_t>(inode.modified >> 32));
  put(out, 140, static_cast<std::uint32_t>(inode.accessed >> 32));
  put(out, 144, static_cast<std::uint32_t>(inode.created));
  put(out, 148, static_cast<std::uint32_t>(inode.created >> 32));
  std::copy_n(base::view(inode.inline_xattrs).begin(), inode.inline_xattrs.size(), out.begin() + kFields);
  return out;
}

// Files over 512 MiB have their extents in blocks of their own. The original counts those of a node after the first as
// all less the number of nodes, and files over 42.5 GiB get entries that point past their end; a kernel would refuse
// them, and the hash is what is asked for.
void Ext4Image::write_extent_nodes(ImageHasher& out, const Inode& inode) const {
  const std::uint32_t extents = extent_count(inode);
  const std::uint32_t nodes = extents / kExtentsPerBlock + 1;
  for (std::uint32_t i = 0; i < nodes; ++i) {
    const std::uint32_t count = std::min(extents - i * nodes, kExtentsPerBlock);
    ByteArray<kBlock> node{};
    put_extent_header(node, count, static_cast<std::uint16_t>(kExtentsPerBlock), 0);
    put_extents(node, inode, i * kExtentsPerBlock * kMaxBlocksPerExtent, count);
    out.write(node);
  }
}

}  // namespace blindbox::measure::internal
