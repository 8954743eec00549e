// SPDX-License-Identifier: Apache-2.0
// Extended attributes as the original stores them: in the inode while they fit, the rest in a block of their own.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "blindbox/base/bytes.h"

namespace blindbox::measure::internal {

using Xattrs = std::map<std::string, std::string, std::less<>>;

constexpr std::size_t kInlineXattrs = 104;  // what a 256-byte inode has behind its fields

// The bytes as they stand on the disk. in_inode is empty or kInlineXattrs long. The block is its head, zeros and its
// tail; its middle is not kept, since an archive may well have a block for each of its files.
struct StoredXattrs {
  std::string in_inode;
  bool has_block = false;
  std::string block_head;
  std::string block_tail;
};

// ErrorKind::malformed where they do not fit, or where the original's order for them depends on how its sort was built.
[[nodiscard]] Result<StoredXattrs> store_xattrs(const Xattrs& xattrs);
// What the original reads back, which is not always what it wrote: an attribute whose stored name is empty ends the
// list. ErrorKind::malformed for a name for which the original itself breaks off.
[[nodiscard]] Result<void> load_inline(const std::string& in_inode, Xattrs& out);
[[nodiscard]] Result<void> load_block(const StoredXattrs& stored, Xattrs& out);

}  // namespace blindbox::measure::internal
