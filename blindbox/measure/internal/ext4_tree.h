// SPDX-License-Identifier: Apache-2.0
// The files of a layer as hcsshim's compactext4 numbers and places them, without their contents. Overwriting keeps the
// inode, and what was placed once keeps its blocks, as in the original, which writes as it reads.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "blindbox/measure/internal/ext4_format.h"
#include "blindbox/measure/internal/ext4_time.h"
#include "blindbox/measure/internal/xattrs.h"

namespace blindbox::measure::internal {

// What an archive says of a file.
struct FileInfo {
  std::uint16_t mode = 0;
  std::uint64_t size = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  Time accessed, changed, modified, created;
  std::string link;
  Xattrs xattrs;
};

struct Inode {
  using Children = std::map<std::string, std::uint32_t, std::less<>>;

  std::uint32_t number = 0;
  std::uint16_t mode = 0;
  std::uint64_t size = 0;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
  std::uint32_t device_major = 0;
  std::uint32_t device_minor = 0;
  std::uint32_t links = 0;
  std::uint32_t flags = 0;
  std::uint32_t xattr_block = 0;
  std::uint32_t block_count = 0;
  std::uint32_t first_block = 0;  // of the contents, with kExtentsFlag
  std::uint32_t blocks = 0;
  std::uint64_t accessed = 0, changed = 0, modified = 0, created = 0;
  std::string short_link;
  std::string inline_xattrs;
  std::unique_ptr<Children> children;  // of a directory

  [[nodiscard]] std::uint16_t type() const { return mode & kTypeMask; }
  [[nodiscard]] bool is_directory() const { return type() == kDirectory; }
};

// What stands in the image between the descriptors and the inodes, in order, each from a new block on.
struct Piece {
  enum class Kind { contents, link, xattrs, extents, directory };
  Kind kind = Kind::contents;
  std::uint64_t source =
      0;  // contents: the archive's entry; extents, directory: the inode; link, xattrs: an index below
  std::uint64_t size = 0;
};

class Tree {
 public:
  // Empty but for lost+found. max_size in bytes, up to 16 TiB.
  explicit Tree(std::uint64_t max_size);

  // Directories on the way to name that are missing get owner, mode and times of the one that they are made in.
  [[nodiscard]] Result<void> make_parents(std::string_view name);
  // entry is the archive's entry that has the contents. Errors are ErrorKind::malformed, ErrorKind::limit past
  // max_size or the number of files that we take.
  [[nodiscard]] Result<void> create(std::string_view name, FileInfo file, std::optional<std::uint64_t> entry = {});
  [[nodiscard]] Result<void> link(std::string_view target, std::string_view name);
  [[nodiscard]] Result<FileInfo> stat(std::string_view name);

  // Takes room for bytes behind what there is; the first block. Contents of an inode: extents too.
  [[nodiscard]] Result<std::uint32_t> allocate(std::uint64_t bytes);
  [[nodiscard]] Result<void> allocate_contents(Inode& inode, std::uint64_t bytes, Piece piece);

  [[nodiscard]] Inode& inode(std::uint32_t number);
  [[nodiscard]] const Inode* find_inode(std::uint32_t number) const;
  [[nodiscard]] std::uint32_t inode_count() const;  // the highest number
  [[nodiscard]] std::uint32_t descriptor_blocks() const { return descriptor_blocks_; }
  [[nodiscard]] std::uint32_t end_block() const { return static_cast<std::uint32_t>(position_ / kBlock); }
  [[nodiscard]] std::uint64_t max_size() const { return max_size_; }
  [[nodiscard]] const std::vector<Piece>& pieces() const { return pieces_; }
  [[nodiscard]] const std::string& link_text(std::uint64_t index) const { return links_[index]; }
  [[nodiscard]] const StoredXattrs& xattr_block(std::uint64_t index) const { return xattr_blocks_[index]; }

 private:
  struct Place {
    Inode* directory = nullptr;
    Inode* existing = nullptr;
    std::string_view name;  // in that directory
    std::string_view path;  // as the archive spells it
  };
  Result<Place> look_up(std::string_view name);
  Inode* child(const Inode& directory, std::string_view name);
  Result<Inode*> make_inode(FileInfo& file, Inode* reused);
  Result<Inode*> put_file(const Place& place, FileInfo& file);
  Result<void> set_xattrs(Inode& inode, Xattrs xattrs);
  Result<void> count_node();

  std::uint64_t max_size_;
  std::uint64_t position_ = 0;
  std::uint32_t descriptor_blocks_ = 0;
  std::uint64_t nodes_ = 0;
  std::deque<Inode> inodes_;  // from kFirstInode on
  Inode root_;
  std::vector<Piece> pieces_;
  std::deque<std::string> links_;
  std::deque<StoredXattrs> xattr_blocks_;
  std::map<std::uint32_t, std::uint64_t> xattr_block_of_;  // by inode number
};

// "/a/../b//c" is b and c: names never lead out of the root. Empty for the root itself.
[[nodiscard]] std::vector<std::string_view> components(std::string_view name);

}  // namespace blindbox::measure::internal
