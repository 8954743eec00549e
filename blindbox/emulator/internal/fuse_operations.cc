// SPDX-License-Identifier: Apache-2.0
#include "blindbox/emulator/internal/fuse_operations.h"

#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "blindbox/emulator/internal/node.h"
#include "blindbox/emulator/sev_guest_ioctl.h"

namespace blindbox::emulator::internal {
namespace {

using Kind = Node::Kind;

Served& served() { return *static_cast<Served*>(fuse_get_context()->private_data); }

// The node, or none where its instance does not exist.
Node existing(const char* path) {
  Node node = node_at(path);
  const bool needs_instance = node.kind == Kind::instance || node.kind == Kind::attribute;
  if (needs_instance && !served().tsm.has(node.instance)) return {};
  return node;
}

unsigned mode_of(const Node& node) {
  switch (node.kind) {
    case Kind::sev_guest:
    case Kind::sev: return S_IFREG | 0600;
    case Kind::notice: return S_IFREG | 0444;
    case Kind::attribute: return S_IFREG | node.attribute->mode;
    default: return S_IFDIR | 0755;
  }
}

int do_getattr(const char* path, struct stat* out, fuse_file_info*) {
  const Node node = existing(path);
  if (node.kind == Kind::none) return -ENOENT;
  std::memset(out, 0, sizeof(*out));
  out->st_mode = mode_of(node);
  out->st_nlink = node.folder() ? 2 : 1;
  out->st_uid = ::geteuid();
  out->st_gid = ::getegid();
  return 0;
}

int do_readdir(const char* path, void* buffer, fuse_fill_dir_t fill, off_t, fuse_file_info*, fuse_readdir_flags) {
  const auto add = [&](const std::string& name) { fill(buffer, name.c_str(), nullptr, 0, fuse_fill_dir_flags{}); };
  const Node node = existing(path);
  if (node.kind == Kind::none) return -ENOENT;
  if (!node.folder()) return -ENOTDIR;
  for (const char* name : {".", ".."}) add(name);
  if (node.kind == Kind::root) {
    for (const char* name : {"emulator.json", "sev-guest", "sev", "tsm"}) add(name);
  } else if (node.kind == Kind::tsm) {
    add("report");
  } else if (node.kind == Kind::reports) {
    for (const std::string& name : served().tsm.names()) add(name);
  } else {
    for (const TsmAttribute& attribute : TsmFolder::attributes()) add(attribute.name);
  }
  return 0;
}

int do_mkdir(const char* path, mode_t) {
  const Node node = node_at(path);
  return node.kind == Kind::instance ? served().tsm.make(node.instance) : -EPERM;
}

int do_rmdir(const char* path) {
  const Node node = node_at(path);
  return node.kind == Kind::instance ? served().tsm.remove(node.instance) : -EPERM;
}

int do_unlink(const char*) { return -EPERM; }

// configfs refuses what the mode does not allow even to root (configfs_open_file).
int do_open(const char* path, fuse_file_info* info) {
  const Node node = existing(path);
  if (node.kind == Kind::none) return -ENOENT;
  const int access = info->flags & O_ACCMODE;
  const unsigned mode = mode_of(node);
  if (access != O_WRONLY && (mode & 0444) == 0) return -EACCES;
  if (access != O_RDONLY && (mode & 0222) == 0) return -EACCES;
  info->fh = served().next_handle++;
  served().open_files[info->fh];
  return 0;
}

int do_release(const char*, fuse_file_info* info) {
  served().open_files.erase(info->fh);
  return 0;
}

int fill(const Node& node, OpenFile& file) {
  if (file.filled) return 0;
  if (node.kind == Kind::notice) {
    file.contents = base::to_bytes(base::view(served().device->notice()));
  } else if (const int error = served().tsm.read(node.instance, node.attribute->name, file.contents); error != 0) {
    return error;
  }
  file.filled = true;
  return 0;
}

int do_read(const char* path, char* buffer, std::size_t size, off_t offset, fuse_file_info* info) {
  const Node node = existing(path);
  if (node.kind == Kind::none) return -ENOENT;
  if (node.kind != Kind::notice && node.kind != Kind::attribute) return -EINVAL;
  OpenFile& file = served().open_files[info->fh];
  if (const int error = fill(node, file); error != 0) return error;
  const auto start = std::min(static_cast<std::size_t>(std::max<off_t>(offset, 0)), file.contents.size());
  const std::size_t count = std::min({size, file.contents.size() - start, std::size_t{1} << 30});
  std::copy_n(base::as_text(file.contents).begin() + static_cast<std::ptrdiff_t>(start), count, buffer);
  return static_cast<int>(count);
}

// Text attributes take effect at once, binary ones when their file is closed.
int do_write(const char* path, const char* bytes, std::size_t size, off_t offset, fuse_file_info* info) {
  const Node node = existing(path);
  if (node.kind != Kind::attribute) return -EINVAL;
  const ByteView value = base::view({bytes, size});
  if (node.attribute->cap == 0) {
    const int error = served().tsm.write(node.instance, node.attribute->name, value);
    return error != 0 ? error : static_cast<int>(size);
  }
  const std::size_t cap = node.attribute->cap;
  const auto start = static_cast<std::size_t>(std::max<off_t>(offset, 0));
  if (start > cap || size > cap - start) return -EFBIG;
  OpenFile& file = served().open_files[info->fh];
  if (file.written.size() < start + size) file.written.resize(start + size);
  std::copy(value.begin(), value.end(), file.written.begin() + static_cast<std::ptrdiff_t>(start));
  file.dirty = true;
  return static_cast<int>(size);
}

// close() waits for flush, not for release.
int do_flush(const char* path, fuse_file_info* info) {
  const auto file = served().open_files.find(info->fh);
  if (file == served().open_files.end() || !file->second.dirty) return 0;
  file->second.dirty = false;
  const Node node = existing(path);
  if (node.kind != Kind::attribute) return 0;
  return served().tsm.write(node.instance, node.attribute->name, file->second.written);
}

// What O_TRUNC asks for; there is nothing to cut.
int do_truncate(const char* path, off_t size, fuse_file_info*) {
  const Node node = existing(path);
  if (node.kind == Kind::none) return -ENOENT;
  return size == 0 && (mode_of(node) & 0222) != 0 ? 0 : -EINVAL;
}

int do_ioctl(const char* path, unsigned int code, void* at, fuse_file_info*, unsigned int flags, void* data) {
  const Node node = existing(path);
  if ((flags & FUSE_IOCTL_COMPAT) != 0 || data == nullptr) return -ENOTTY;
  if (node.kind != Kind::sev_guest && node.kind != Kind::sev) return -ENOTTY;
  ProcessMemory memory(fuse_get_context()->pid);
  const std::span message(static_cast<std::byte*>(data), _IOC_SIZE(code));
  Device& device = *served().device;
  const int result = node.kind == Kind::sev_guest ? sev_guest_ioctl(device, code, message, memory)
                                                  : sev_ioctl_5x(device, code, message, memory);
  // FUSE copies the structure back after a success alone; the drivers say there what went wrong.
  if (result < 0) (void)memory.write(reinterpret_cast<std::uintptr_t>(at), message);
  return result;
}

// Nothing here may be cached: a generation changes behind the kernel's back.
void* do_init(fuse_conn_info*, fuse_config* config) {
  config->direct_io = 1;
  config->attr_timeout = 0;
  config->entry_timeout = 0;
  config->negative_timeout = 0;
  return fuse_get_context()->private_data;
}

}  // namespace

const fuse_operations& operations() {
  static const fuse_operations all = [] {
    fuse_operations table{};
    table.init = do_init;
    table.getattr = do_getattr;
    table.readdir = do_readdir;
    table.mkdir = do_mkdir;
    table.rmdir = do_rmdir;
    table.unlink = do_unlink;
    table.open = do_open;
    table.release = do_release;
    table.read = do_read;
    table.write = do_write;
    table.flush = do_flush;
    table.truncate = do_truncate;
    table.ioctl = do_ioctl;
    return table;
  }();
  return all;
}

}  // namespace blindbox::emulator::internal
