// SPDX-License-Identifier: Apache-2.0
#include "blindbox/measure/internal/ext4_tree.h"

#include <algorithm>

namespace blindbox::measure::internal {
namespace {

// Directories, files and links of one layer. The largest real layers have a million; an inode takes some 300 bytes here,
// and an archive that compresses well could ask for more than any machine has.
constexpr std::uint64_t kNodeCap = std::uint64_t{8} << 20;

// A name from an archive may hold anything, also line breaks and terminal sequences.
std::string printable(std::string_view name) {
  constexpr std::size_t kShown = 200;
  std::string out;
  for (const char c : name.substr(0, kShown)) {
    const auto value = static_cast<unsigned char>(c);
    if (value >= 0x20 && value != 0x7f) {
      out += c;
    } else {
      out += "\\x" + base::to_hex(base::view(std::string_view(&c, 1)));
    }
  }
  if (name.size() > kShown) out += "...";
  if (!base::is_utf8(out)) return "(hexadecimal) " + base::to_hex(base::view(name.substr(0, kShown)));
  return out;
}

tl::unexpected<Error> refused(std::string_view name, const std::string& why) {
  return base::fail(ErrorKind::malformed, "the layer cannot become a file system", printable(name) + ": " + why,
                    "the host's converter refuses it too");
}

std::uint32_t descriptor_blocks_for(std::uint64_t max_size) {
  const std::uint64_t blocks = (max_size - 1) / kBlock + 1;
  const std::uint64_t groups = (blocks - 1) / kBlocksPerGroup + 1;
  return static_cast<std::uint32_t>((groups - 1) / kGroupsPerDescriptorBlock + 1);
}

Inode make_root() {
  Inode root;
  root.number = kRootInode;
  root.mode = kDirectory | 0755;
  root.flags = kHugeFileFlag;
  root.links = 2;  // it is its own parent
  root.children = std::make_unique<Inode::Children>();
  return root;
}

FileInfo like(const Inode& inode) {
  FileInfo file;
  file.mode = inode.mode;
  file.uid = inode.uid;
  file.gid = inode.gid;
  file.device_major = inode.device_major;
  file.device_minor = inode.device_minor;
  file.accessed = from_ext4_time(inode.accessed);
  file.changed = from_ext4_time(inode.changed);
  file.modified = from_ext4_time(inode.modified);
  file.created = from_ext4_time(inode.created);
  return file;
}

void copy_fields(const FileInfo& file, Inode& inode) {
  inode.uid = file.uid;
  inode.gid = file.gid;
  inode.device_major = file.device_major;
  inode.device_minor = file.device_minor;
  inode.accessed = to_ext4_time(file.accessed);
  inode.changed = to_ext4_time(file.changed);
  inode.modified = to_ext4_time(file.modified);
  inode.created = to_ext4_time(file.created);
}

}  // namespace

std::vector<std::string_view> components(std::string_view name) {
  std::vector<std::string_view> out;
  while (!name.empty()) {
    const std::size_t slash = name.find('/');
    const std::string_view part = name.substr(0, slash);
    name.remove_prefix(slash == std::string_view::npos ? name.size() : slash + 1);
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      out.push_back(part);
    } else if (!out.empty()) {
      out.pop_back();
    }
  }
  return out;
}

Tree::Tree(std::uint64_t max_size)
    : max_size_((max_size + kBlock - 1) / kBlock * kBlock),
      descriptor_blocks_(descriptor_blocks_for(max_size_)),
      root_(make_root()) {
  position_ = std::uint64_t{1 + descriptor_blocks_} * kBlock;
  FileInfo lost_and_found;
  lost_and_found.mode = kDirectory | 0700;
  (void)put_file({&root_, nullptr, "lost+found", "lost+found"},
                 lost_and_found);  // allocates nothing, so it cannot fail
}

Inode& Tree::inode(std::uint32_t number) { return number == kRootInode ? root_ : inodes_[number - kFirstInode]; }

const Inode* Tree::find_inode(std::uint32_t number) const {
  if (number == kRootInode) return &root_;
  if (number < kFirstInode || number > inode_count()) return nullptr;
  return &inodes_[number - kFirstInode];
}

std::uint32_t Tree::inode_count() const { return kFirstInode - 1 + static_cast<std::uint32_t>(inodes_.size()); }

Result<void> Tree::count_node() {
  if (++nodes_ <= kNodeCap) return {};
  return base::fail(ErrorKind::limit, "the layer has more than " + std::to_string(kNodeCap) + " files");
}

Result<std::uint32_t> Tree::allocate(std::uint64_t bytes) {
  if (bytes > max_size_ || position_ > max_size_ - bytes) {
    return base::fail(ErrorKind::limit, "the image would exceed " + std::to_string(max_size_) + " bytes");
  }
  const auto first = static_cast<std::uint32_t>(position_ / kBlock);
  position_ += (bytes + kBlock - 1) / kBlock * kBlock;
  return first;
}

Result<void> Tree::allocate_contents(Inode& inode, std::uint64_t bytes, Piece piece) {
  const auto first = allocate(bytes);
  if (!first) return tl::unexpected(first.error());
  piece.size = bytes;
  pieces_.push_back(piece);
  inode.first_block = *first;
  inode.blocks = static_cast<std::uint32_t>((bytes + kBlock - 1) / kBlock);
  inode.flags |= kExtentsFlag;
  inode.block_count += inode.blocks;
  const std::uint32_t extents = (inode.blocks + kMaxBlocksPerExtent - 1) / kMaxBlocksPerExtent;
  if (extents <= 4) return {};
  const std::uint32_t nodes = extents / kExtentsPerBlock + 1;
  inode.block_count += nodes;
  pieces_.push_back({Piece::Kind::extents, inode.number, std::uint64_t{nodes} * kBlock});
  const auto placed = allocate(std::uint64_t{nodes} * kBlock);
  if (!placed) return tl::unexpected(placed.error());
  return {};
}

Inode* Tree::child(const Inode& directory, std::string_view name) {
  if (!directory.children) return nullptr;
  const auto found = directory.children->find(name);
  return found == directory.children->end() ? nullptr : &inode(found->second);
}

Result<Tree::Place> Tree::look_up(std::string_view name) {
  const auto parts = components(name);
  if (parts.empty()) return Place{&root_, &root_, "", name};
  if (parts.back().size() > kMaxName) return refused(name, "invalid name");
  Inode* directory = &root_;
  for (std::size_t i = 0; i + 1 < parts.size() && directory != nullptr; ++i) directory = child(*directory, parts[i]);
  if (directory == nullptr || !directory->is_directory()) return refused(name, "path not found");
  return Place{directory, child(*directory, parts.back()), parts.back(), name};
}

Result<void> Tree::make_parents(std::string_view name) {
  auto parts = components(name);
  if (!parts.empty()) parts.pop_back();
  Inode* directory = &root_;
  for (const std::string_view part : parts) {
    Inode* next = child(*directory, part);
    if (next == nullptr) {
      if (part.size() > kMaxName) return refused(name, "invalid name");
      if (!directory->is_directory()) return refused(name, "path not found");
      FileInfo file = like(*directory);
      auto made = put_file({directory, nullptr, part, name}, file);
      if (!made) return base::pass_on(made);
      next = *made;
    }
    directory = next;
  }
  return {};
}

Result<void> Tree::set_xattrs(Inode& inode, Xattrs xattrs) {
  Xattrs before;
  if (auto loaded = load_inline(inode.inline_xattrs, before); !loaded) return loaded;
  xattrs.merge(before);
  auto stored = store_xattrs(xattrs);
  if (!stored) return base::pass_on(stored);
  inode.inline_xattrs = std::move(stored->in_inode);
  if (inode.xattr_block != 0) {  // written before, and written again even if it is now empty
    xattr_blocks_[xattr_block_of_.at(inode.number)] = std::move(*stored);
    return {};
  }
  if (!stored->has_block) return {};
  const auto block = allocate(kBlock);
  if (!block) return tl::unexpected(block.error());
  inode.xattr_block = *block;
  ++inode.block_count;
  pieces_.push_back({Piece::Kind::xattrs, xattr_blocks_.size(), kBlock});
  xattr_block_of_[inode.number] = xattr_blocks_.size();
  xattr_blocks_.push_back(std::move(*stored));
  return {};
}

Result<Inode*> Tree::make_inode(FileInfo& file, Inode* reused) {
  std::uint16_t mode = file.mode;
  if ((mode & kTypeMask) == 0) mode |= kRegular;
  const std::uint16_t type = mode & kTypeMask;
  if (reused == nullptr) {
    if (auto counted = count_node(); !counted) return base::pass_on(counted);
    inodes_.emplace_back();
    reused = &inodes_.back();
    reused->number = inode_count();
    if (type == kDirectory) {
      reused->children = std::make_unique<Inode::Children>();
      reused->links = 1;
    }
  }
  Inode& inode = *reused;
  copy_fields(file, inode);
  inode.mode = type == kSymlink ? mode | 0777 : mode;
  inode.flags = kHugeFileFlag;
  inode.short_link.clear();
  if (auto set = set_xattrs(inode, std::move(file.xattrs)); !set) return base::pass_on(set);
  inode.size = type == kSymlink ? file.link.size() : type == kRegular ? file.size : 0;
  if (type == kSymlink && file.link.size() > kShortLink) {
    links_.push_back(std::move(file.link));
    const Piece piece{Piece::Kind::link, links_.size() - 1, 0};
    if (auto put = allocate_contents(inode, inode.size, piece); !put) return base::pass_on(put);
  } else if (type == kSymlink) {
    inode.short_link = std::move(file.link);
  }
  return reused;
}

// Puts a file into a directory, over existing where that has no other name.
Result<Inode*> Tree::put_file(const Place& place, FileInfo& file) {
  Inode& directory = *place.directory;
  Inode* const existing = place.existing;
  const bool is_directory = (file.mode & kTypeMask) == kDirectory;
  Inode* reused = nullptr;
  if (existing == nullptr) {
    if (is_directory && directory.links >= kMaxLinks)
      return refused(place.path, "exceeded parent directory maximum link count");
  } else if (existing->is_directory()) {
    if (!is_directory) return refused(place.path, "cannot replace a directory with a file");
    reused = existing;
  } else if (is_directory) {
    return refused(place.path, "cannot replace a file with a directory");
  } else if (existing->links < 2) {
    reused = existing;
  }
  // Its blocks cannot be given back.
  if (reused != nullptr && (reused->flags & kExtentsFlag) != 0) {
    return refused(place.path, "cannot overwrite file with non-inline data");
  }
  if ((file.mode & kTypeMask) == kRegular && file.size > kMaxFileSize) return refused(place.path, "file too big");
  auto made = make_inode(file, reused);
  if (!made || *made == existing) return made;
  if (existing != nullptr) --existing->links;
  (*directory.children)[std::string(place.name)] = (*made)->number;
  ++(*made)->links;
  if ((*made)->is_directory()) ++directory.links;
  return made;
}

Result<void> Tree::create(std::string_view name, FileInfo file, std::optional<std::uint64_t> entry) {
  auto found = look_up(name);
  if (!found) return base::pass_on(found);
  if ((file.mode & kTypeMask) == 0) file.mode |= kRegular;
  auto made = put_file(*found, file);
  if (!made) return base::pass_on(made);
  Inode& inode = **made;
  if (inode.type() != kRegular || inode.size == 0) return {};
  if (!entry) return refused(name, "did not write the right amount: 0 != " + std::to_string(inode.size));
  return allocate_contents(inode, inode.size, {Piece::Kind::contents, *entry, 0});
}

Result<void> Tree::link(std::string_view target, std::string_view name) {
  auto place = look_up(name);
  if (!place) return base::pass_on(place);
  Inode* const existing = place->existing;
  if (existing != nullptr && (existing->is_directory() || existing->links < 2)) {
    return refused(name, "cannot orphan existing file or directory");
  }
  auto old = look_up(target);
  if (!old) return base::pass_on(old);
  if (old->existing == nullptr) return refused(target, "file not found");
  if (old->existing->is_directory()) return refused(name, "link target cannot be a directory");
  if (existing != old->existing && old->existing->links >= kMaxLinks) {
    return refused(name, "link target would exceed maximum link count");
  }
  if (auto counted = count_node(); !counted) return counted;
  if (existing != nullptr) --existing->links;
  ++old->existing->links;
  (*place->directory->children)[std::string(place->name)] = old->existing->number;
  return {};
}

Result<FileInfo> Tree::stat(std::string_view name) {
  auto place = look_up(name);
  if (!place) return base::pass_on(place);
  if (place->existing == nullptr) return refused(name, "file not found");
  const Inode& inode = *place->existing;
  FileInfo file = like(inode);
  file.size = inode.size;
  if (inode.xattr_block != 0) {
    const auto loaded = load_block(xattr_blocks_[xattr_block_of_.at(inode.number)], file.xattrs);
    if (!loaded) return tl::unexpected(loaded.error());
  }
  if (!inode.inline_xattrs.empty()) {
    if (auto loaded = load_inline(inode.inline_xattrs, file.xattrs); !loaded) return base::pass_on(loaded);
    file.xattrs.erase("system.data");  // where other images keep contents
  }
  if (inode.type() != kSymlink) return file;
  if (inode.size > kShortLink) return refused(name, "cannot retrieve link information");
  file.link = inode.short_link;
  return file;
}

}  // namespace blindbox::measure::internal
