// SPDX-License-Identifier: Apache-2.0
#include "blindbox/image/internal/layer_writer.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>

#include "blindbox/archive/file.h"
#include "blindbox/fetch/json.h"

namespace blindbox::image::internal {

using fetch::shown;

namespace {

using base::fail;

constexpr std::string_view kWhiteout = ".wh.";
constexpr std::string_view kSpecialWhiteout = ".wh..wh.";
constexpr std::string_view kOpaque = ".wh..wh..opq";
constexpr std::string_view kXattrRecord = "SCHILY.xattr.";
constexpr std::string_view kCapability = "security.capability";

timespec to_timespec(const archive::Time& time) {
  // Beyond this the kernel's own files have no time either.
  constexpr std::int64_t kLatest = std::int64_t{1} << 40;
  return {std::clamp<std::int64_t>(time.seconds, 0, kLatest), static_cast<long>(time.nanoseconds)};
}

bool is_below(const std::string& path, const std::string& folder) {
  return folder.empty() || (path.starts_with(folder) && path.size() > folder.size() && path[folder.size()] == '/');
}

}  // namespace

LayerWriter::LayerWriter(const Tree& tree, const UnpackOptions& options)
    : tree_(tree), options_(options), as_root_(::geteuid() == 0) {
  folders_.insert_or_assign("", Attributes{});
}

Result<LayerWriter::Attributes> LayerWriter::attributes_of(const archive::TarHeader& header) {
  constexpr std::int64_t kMostId = 0xfffffffe;
  if (header.uid < 0 || header.uid > kMostId || header.gid < 0 || header.gid > kMostId) {
    return bad_entry(header.name, "its owner is no number that the kernel knows");
  }
  Attributes out{static_cast<unsigned>(header.mode) & 07777U,
                 static_cast<std::uint32_t>(header.uid),
                 static_cast<std::uint32_t>(header.gid),
                 header.modified,
                 {}};
  for (const auto& [key, value] : header.records) {
    if (!key.starts_with(kXattrRecord)) continue;
    std::string name = key.substr(kXattrRecord.size());
    // trusted.overlay.* would speak to overlayfs about what lies outside of the folder.
    if (name.starts_with("user.") || name == kCapability) out.xattrs.emplace(std::move(name), value);
  }
  return out;
}

Result<void> LayerWriter::add_layer(archive::Source& tar) {
  mine_.clear();
  archive::TarReader reader(tar);
  while (true) {
    const auto header = reader.next();
    if (!header) return tl::unexpected(header.error());
    if (!*header) return {};
    if ((*header)->type == 'g') continue;  // about the archive, not of it
    if (++done_.files > options_.max_files) {
      return fail(ErrorKind::limit, "the image has more than " + std::to_string(options_.max_files) + " files");
    }
    if (auto added = add(reader, **header); !added) return added;
  }
}

Result<void> LayerWriter::add(archive::TarReader& reader, const archive::TarHeader& header) {
  auto name = clean_name(header.name);
  if (!name) return base::pass_on(name);
  auto attributes = attributes_of(header);
  if (!attributes) return base::pass_on(attributes);
  if (name->empty()) {
    if (header.type != '5') return bad_entry(header.name, "the root of an image is a folder");
    folders_.insert_or_assign("", std::move(*attributes));
    return {};
  }
  const std::string last = name->substr(name->rfind('/') + 1);
  if (last.starts_with(kWhiteout)) return white_out(*name, last);
  if (header.type == '3' || header.type == '4') {
    if (options_.device_nodes == DeviceNodes::refuse) return bad_entry(header.name, "it is a device node");
    ++done_.skipped_devices;
    return {};
  }
  const auto place = tree_.place(*name, [this](const std::string& path) {
    mine_.insert(path);
    folders_.insert_or_assign(path, Attributes{});
  });
  if (!place) return tl::unexpected(place.error());
  switch (header.type) {
    case '0':
    case '7':
    case 'S': return add_file(reader, *place, header, *attributes);
    case '1': return add_hard_link(*place, header.name, header.link);
    case '2': return add_symlink(*place, header.name, header.link, *attributes);
    case '5': return add_folder(*place, *attributes);
    case '6': return add_fifo(*place, *attributes);
    default: break;
  }
  return bad_entry(header.name, "its type is unknown");
}

// What a layer says is gone concerns the layers below alone, wherever in the archive it says so.
Result<void> LayerWriter::white_out(const std::string& name, const std::string& last) {
  const auto place = tree_.find(name);
  if (!place) return tl::unexpected(place.error());
  if (!*place) return {};
  const Tree::Keep keep = [this](const std::string& path) { return mine_.contains(path); };
  const std::size_t above = (*place)->path.size() - last.size();
  const std::string folder = (*place)->path.substr(0, above == 0 ? 0 : above - 1);
  if (last == kOpaque) return tree_.empty(folder, keep);
  if (last.starts_with(kSpecialWhiteout)) return {};  // AUFS's own affairs
  const std::string gone = last.substr(kWhiteout.size());
  if (gone.empty() || gone == "." || gone == "..") return bad_entry(name, "a whiteout of no file");
  Place target{base::Fd(::fcntl((*place)->parent.get(), F_DUPFD_CLOEXEC, 3)),
               folder.empty() ? gone : folder + "/" + gone, gone};
  if (!keep(target.path)) forget_folders(target.path);
  return tree_.remove(target, keep);
}

// Of folders that are gone; what took their place has attributes of its own.
void LayerWriter::forget_folders(const std::string& path) {
  folders_.erase(path);
  for (auto at = folders_.lower_bound(path + "/"); at != folders_.end() && is_below(at->first, path);) {
    at = mine_.contains(at->first) ? std::next(at) : folders_.erase(at);
  }
}

Result<void> LayerWriter::add_folder(const Place& place, const Attributes& attributes) {
  struct stat info {};
  const bool there = ::fstatat(place.parent.get(), place.name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0;
  if (!there || !S_ISDIR(info.st_mode)) {
    if (auto removed = tree_.remove(place, {}); !removed) return removed;
    if (::mkdirat(place.parent.get(), place.name.c_str(), 0700) != 0) return entry_io(place.path, "cannot make it");
  }
  mine_.insert(place.path);
  folders_.insert_or_assign(place.path, attributes);
  return {};
}

Result<void> LayerWriter::write_contents(archive::TarReader& reader, int file, const Place& place) {
  constexpr std::size_t kHole = std::size_t{64} << 10;
  std::uint64_t size = 0;
  while (true) {
    const auto got = reader.read(piece_);
    if (!got) return tl::unexpected(got.error());
    if (*got == 0) break;
    size += *got;
    done_.bytes += *got;
    if (done_.bytes > options_.max_bytes) {
      return fail(ErrorKind::limit,
                  "the image's files have more than " + std::to_string(options_.max_bytes) + " bytes");
    }
    const ByteView bytes = ByteView(piece_).first(*got);
    if (bytes.size() >= kHole && base::all_zero(bytes)) {
      if (::lseek(file, static_cast<off_t>(bytes.size()), SEEK_CUR) < 0) return entry_io(place.path, "cannot write it");
      continue;
    }
    if (!archive::write_all(file, bytes)) return entry_io(place.path, "cannot write it");
  }
  if (auto whole = reader.check_contents(); !whole) return whole;
  if (::ftruncate(file, static_cast<off_t>(size)) != 0) return entry_io(place.path, "cannot write it");
  return {};
}

Result<void> LayerWriter::add_file(archive::TarReader& reader, const Place& place, const archive::TarHeader& header,
                                   const Attributes& attributes) {
  if (static_cast<std::uint64_t>(header.size) > options_.max_bytes) {
    return fail(ErrorKind::limit, "the image's files have more than " + std::to_string(options_.max_bytes) + " bytes");
  }
  if (auto removed = tree_.remove(place, {}); !removed) return removed;
  forget_folders(place.path);
  // What was there is gone, so nothing can be written through.
  const base::Fd file(
      ::openat(place.parent.get(), place.name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!file) return entry_io(place.path, "cannot make it");
  if (auto written = write_contents(reader, file.get(), place); !written) return written;
  mine_.insert(place.path);
  return apply(file.get(), place.path, attributes);
}

Result<void> LayerWriter::add_symlink(const Place& place, const std::string& name, const std::string& link,
                                      const Attributes& attributes) {
  if (link.empty()) return bad_entry(name, "a symbolic link to nothing");
  // Where it leads is seen from inside of the container, whose root is this folder; but no honest link climbs above it.
  if (link.front() != '/') {
    const std::size_t slash = place.path.rfind('/');
    const std::string folder = slash == std::string::npos ? "" : place.path.substr(0, slash + 1);
    if (!clean_name(folder + link)) {
      return bad_entry(name, "a symbolic link that leads out of the image: " + shown(link));
    }
  }
  if (auto removed = tree_.remove(place, {}); !removed) return removed;
  forget_folders(place.path);
  if (::symlinkat(link.c_str(), place.parent.get(), place.name.c_str()) != 0) {
    return entry_io(place.path, "cannot make the link");
  }
  mine_.insert(place.path);
  const timespec times[2] = {to_timespec(attributes.modified), to_timespec(attributes.modified)};
  const bool owned = !as_root_ || ::fchownat(place.parent.get(), place.name.c_str(), attributes.uid, attributes.gid,
                                             AT_SYMLINK_NOFOLLOW) == 0;
  if (!owned || ::utimensat(place.parent.get(), place.name.c_str(), times, AT_SYMLINK_NOFOLLOW) != 0) {
    return entry_io(place.path, "cannot set its owner or time");
  }
  return {};
}

Result<void> LayerWriter::add_hard_link(const Place& place, const std::string& name, const std::string& link) {
  auto clean = clean_name(link);
  if (!clean || clean->empty()) return bad_entry(name, "a hard link that leads out of the image: " + shown(link));
  const auto target = tree_.find(*clean);
  if (!target) return tl::unexpected(target.error());
  struct stat info {};
  if (!*target || ::fstatat((*target)->parent.get(), (*target)->name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return bad_entry(name, "a hard link to what is not there: " + shown(link));
  }
  if (S_ISDIR(info.st_mode)) return bad_entry(name, "a hard link to a folder: " + shown(link));
  if ((*target)->path == place.path) return {};
  if (auto removed = tree_.remove(place, {}); !removed) return removed;
  forget_folders(place.path);
  if (::linkat((*target)->parent.get(), (*target)->name.c_str(), place.parent.get(), place.name.c_str(), 0) != 0) {
    return entry_io(place.path, "cannot make the link");
  }
  mine_.insert(place.path);
  return {};
}

Result<void> LayerWriter::add_fifo(const Place& place, const Attributes& attributes) {
  if (auto removed = tree_.remove(place, {}); !removed) return removed;
  forget_folders(place.path);
  if (::mknodat(place.parent.get(), place.name.c_str(), S_IFIFO | 0600, 0) != 0 ||
      ::fchmodat(place.parent.get(), place.name.c_str(), attributes.mode & 0777U, 0) != 0 ||
      (as_root_ &&
       ::fchownat(place.parent.get(), place.name.c_str(), attributes.uid, attributes.gid, AT_SYMLINK_NOFOLLOW) != 0)) {
    return entry_io(place.path, "cannot make the pipe");
  }
  mine_.insert(place.path);
  return {};
}

Result<void> LayerWriter::apply(int fd, const std::string& path, const Attributes& attributes) const {
  if (as_root_ && ::fchown(fd, attributes.uid, attributes.gid) != 0) return entry_io(path, "cannot set its owner");
  // Set-user-ID bits go by an owner that only root can set; chown clears them, so they come after it.
  const unsigned mode = as_root_ ? attributes.mode : attributes.mode & 01777U;
  if (::fchmod(fd, mode) != 0) return entry_io(path, "cannot set its mode");
  for (const auto& [name, value] : attributes.xattrs) {
    if (name == kCapability && !as_root_) continue;
    if (::fsetxattr(fd, name.c_str(), value.data(), value.size(), 0) == 0) continue;
    // File systems without user attributes are common, and no program depends on them.
    if (name != kCapability && (errno == ENOTSUP || errno == EPERM || errno == ENOSPC)) continue;
    return entry_io(path, "cannot set " + shown(name));
  }
  const timespec times[2] = {to_timespec(attributes.modified), to_timespec(attributes.modified)};
  if (::futimens(fd, times) != 0) return entry_io(path, "cannot set its time");
  return {};
}

Result<void> LayerWriter::finish() {
  // Those inside first: a folder may be closed to us afterwards.
  for (auto at = folders_.rbegin(); at != folders_.rend(); ++at) {
    const base::Fd folder = tree_.folder(at->first);
    if (!folder) {
      if (errno == ENOENT || errno == ENOTDIR || errno == ELOOP) continue;  // a later layer removed it
      return entry_io(at->first, "cannot open it");
    }
    if (auto applied = apply(folder.get(), at->first, at->second); !applied) return applied;
  }
  return {};
}

}  // namespace blindbox::image::internal
