// SPDX-License-Identifier: Apache-2.0
#include "blindbox/measure/internal/xattrs.h"

#include <algorithm>
#include <array>
#include <vector>

#include "blindbox/base/reader.h"
#include "blindbox/measure/internal/ext4_format.h"

namespace blindbox::measure::internal {
namespace {

constexpr std::size_t kMagicSize = 4;
constexpr std::size_t kBlockHeader = 32;
constexpr std::size_t kEnd = 4;  // zeros that end a list
constexpr std::size_t kEntry = 16;
// Up to here Go's sort is a plain insertion sort.
constexpr std::size_t kInsertionSort = 12;

struct Prefix {
  std::uint8_t index;
  std::string_view text;
};
constexpr std::array kPrefixes = {
    Prefix{2, "system.posix_acl_access"},
    Prefix{3, "system.posix_acl_default"},
    Prefix{8, "system.richacl"},
    Prefix{7, "system."},
    Prefix{1, "user."},
    Prefix{4, "trusted."},
    Prefix{6, "security."},
};

struct Xattr {
  std::uint8_t index = 0;
  std::string_view name;
  std::string_view value;
};

std::size_t padded(std::size_t length) { return (length + 3) & ~std::size_t{3}; }
std::size_t entry_length(const Xattr& xattr) { return padded(xattr.name.size()) + kEntry; }

Xattr split(std::string_view name, std::string_view value) {
  for (const Prefix& prefix : kPrefixes) {
    if (name.starts_with(prefix.text)) return {prefix.index, name.substr(prefix.text.size()), value};
  }
  return {0, name, value};
}

std::string join(std::uint8_t index, std::string_view name) {
  for (const Prefix& prefix : kPrefixes) {
    if (prefix.index == index) return std::string(prefix.text) + std::string(name);
  }
  return std::string(name);
}

std::uint32_t rotate(std::uint32_t hash, int bits) { return hash << bits ^ hash >> (32 - bits); }

std::uint32_t hash(const Xattr& xattr) {
  std::uint32_t out = 0;
  for (const char c : xattr.name) out = rotate(out, 5) ^ static_cast<unsigned char>(c);
  base::Reader value(base::view(xattr.value));
  while (value.remaining() >= 4) out = rotate(out, 16) ^ value.u32le();
  if (value.remaining() > 0) {
    std::uint32_t last = 0;
    for (int shift = 0; value.remaining() > 0; shift += 8) last |= std::uint32_t{value.u8()} << shift;
    out = rotate(out, 16) ^ last;
  }
  return out;
}

struct Area {
  std::string head;  // entries, from the front
  std::string tail;  // values, from the back
};

// size is the room, base what a value's offset counts besides.
Area lay_out(const std::vector<Xattr>& xattrs, std::size_t size, std::size_t base) {
  Area area;
  std::size_t offset = size + base;
  for (const Xattr& xattr : xattrs) {
    const std::size_t length = padded(xattr.value.size());
    offset -= length;
    std::array<std::byte, kEntry> entry{};
    put(entry, 0, static_cast<std::uint8_t>(xattr.name.size()));  // a name over 255 bytes is stored with a wrong length
    put(entry, 1, xattr.index);
    put(entry, 2, static_cast<std::uint16_t>(offset));
    put(entry, 8, static_cast<std::uint32_t>(xattr.value.size()));
    put(entry, 12, hash(xattr));
    area.head += base::as_text(entry);
    area.head += xattr.name;
    area.head.append(padded(xattr.name.size()) - xattr.name.size(), '\0');
    std::string value(xattr.value);
    value.resize(length, '\0');
    area.tail.insert(0, value);
  }
  return area;
}

// The original's comparison is no order: it is true both ways for some pairs.
bool less(const Xattr& a, const Xattr& b) {
  return a.index < b.index || a.name.size() < b.name.size() || a.name < b.name;
}

// Whether any sort comes to the same result: for every pair one comes first, and the firsts form a line.
bool is_order(const std::vector<Xattr>& xattrs) {
  std::vector<bool> rank_taken(xattrs.size());
  for (std::size_t i = 0; i < xattrs.size(); ++i) {
    std::size_t rank = 0;
    for (std::size_t j = 0; j < xattrs.size(); ++j) {
      if (i == j) continue;
      const bool after = less(xattrs[j], xattrs[i]);
      if (after == less(xattrs[i], xattrs[j])) return false;
      if (after) ++rank;
    }
    if (rank_taken[rank]) return false;
    rank_taken[rank] = true;
  }
  return true;
}

Result<void> sort_block(std::vector<Xattr>& xattrs) {
  if (xattrs.size() > kInsertionSort && !is_order(xattrs)) {
    return base::fail(ErrorKind::malformed, "a file of the layer has extended attributes in no defined order",
                      std::to_string(xattrs.size()) + " of them do not fit into the inode");
  }
  for (std::size_t i = 1; i < xattrs.size(); ++i) {
    for (std::size_t j = i; j > 0 && less(xattrs[j], xattrs[j - 1]); --j) std::swap(xattrs[j], xattrs[j - 1]);
  }
  return {};
}

Result<void> load(ByteView area, std::size_t base, Xattrs& out) {
  // The original takes 16 plus the length in 8 bits, and breaks off where that overflows.
  constexpr std::size_t kLongestName = 239;
  const auto broken = [] {
    return base::fail(ErrorKind::malformed, "a file of the layer has extended attributes that cannot be read back");
  };
  ByteView entries = area;
  while (entries.size() >= kEntry && entries[0] != std::byte{0}) {
    base::Reader reader(entries);
    const std::size_t name_length = reader.u8();
    const std::uint8_t index = reader.u8();
    const std::size_t offset = reader.u16le();
    (void)reader.u32le();
    const std::size_t value_length = reader.u32le();
    (void)reader.u32le();
    const std::string_view name = base::as_text(reader.take(name_length));
    const bool inside = offset >= base && offset - base <= area.size() && value_length <= area.size() - (offset - base);
    if (!reader.ok() || name_length > kLongestName || !inside) return broken();
    out.insert_or_assign(join(index, name), base::as_text(area.subspan(offset - base, value_length)));
    const std::size_t length = kEntry + padded(name_length);
    if (length > entries.size()) return broken();
    entries = entries.subspan(length);
  }
  if (!entries.empty() && entries[0] != std::byte{0}) return broken();
  return {};
}

}  // namespace

Result<StoredXattrs> store_xattrs(const Xattrs& xattrs) {
  std::vector<Xattr> in_inode, in_block;
  std::size_t inode_left = kInlineXattrs - kMagicSize - kEnd;
  std::size_t block_left = kBlock - kBlockHeader - kEnd;
  for (const auto& [name, value] : xattrs) {
    const Xattr xattr = split(name, value);
    const std::size_t length = entry_length(xattr) + padded(value.size());
    const bool fits = length <= inode_left;
    if (!fits && length > block_left) {
      return base::fail(ErrorKind::malformed, "a file of the layer has more extended attributes than fit");
    }
    (fits ? inode_left : block_left) -= length;
    (fits ? in_inode : in_block).push_back(xattr);
  }
  StoredXattrs stored;
  if (!in_inode.empty()) {
    const Area area = lay_out(in_inode, kInlineXattrs - kMagicSize, 0);
    std::array<std::byte, kMagicSize> magic{};
    put(magic, 0, kXattrMagic);
    stored.in_inode = std::string(base::as_text(magic)) + area.head;
    stored.in_inode.resize(kInlineXattrs - area.tail.size(), '\0');
    stored.in_inode += area.tail;
  }
  if (auto sorted = sort_block(in_block); !sorted) return base::pass_on(sorted);
  std::array<std::byte, kBlockHeader> header{};
  put(header, 0, kXattrMagic);
  put(header, 4, std::uint32_t{1});  // references
  put(header, 8, std::uint32_t{1});  // blocks
  Area area = lay_out(in_block, kBlock - kBlockHeader, kBlockHeader);
  stored.has_block = !in_block.empty();
  stored.block_head = std::string(base::as_text(header)) + area.head;
  stored.block_tail = std::move(area.tail);
  return stored;
}

Result<void> load_inline(const std::string& in_inode, Xattrs& out) {
  if (in_inode.empty()) return {};
  return load(base::view(in_inode).subspan(kMagicSize), 0, out);
}

Result<void> load_block(const StoredXattrs& stored, Xattrs& out) {
  std::string block = stored.block_head;
  block.resize(kBlock - stored.block_tail.size(), '\0');
  block += stored.block_tail;
  return load(base::view(block).subspan(kBlockHeader), kBlockHeader, out);
}

}  // namespace blindbox::measure::internal
