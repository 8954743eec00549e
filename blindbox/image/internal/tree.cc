// SPDX-License-Identifier: Apache-2.0
#include "blindbox/image/internal/tree.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <memory>
#include <optional>

#include "blindbox/fetch/json.h"

namespace blindbox::image::internal {

using fetch::shown;

namespace {

using base::fail;

constexpr int kMostFolders = 200;

base::Fd open_in(int root, const std::string& path, int flags, std::uint64_t resolve) {
  open_how how{};
  how.flags = static_cast<std::uint64_t>(static_cast<unsigned>(flags | O_CLOEXEC));
  how.resolve = resolve | RESOLVE_NO_MAGICLINKS;
  const char* const name = path.empty() ? "." : path.c_str();
  return base::Fd(static_cast<int>(::syscall(SYS_openat2, root, name, &how, sizeof how)));
}

base::Fd open_folder_in_root(int root, const std::string& path) {
  return open_in(root, path, O_PATH | O_DIRECTORY, RESOLVE_IN_ROOT);
}

std::string parent_of(const std::string& name) {
  const std::size_t slash = name.rfind('/');
  return slash == std::string::npos ? "" : name.substr(0, slash);
}

std::string joined(const std::string& folder, const std::string& name) {
  return folder.empty() ? name : folder + "/" + name;
}

tl::unexpected<Error> cannot_reach(const std::string& name) {
  const int code = errno;
  if (code == ENOTDIR) return bad_entry(name, "its path leads through a file");
  if (code == ELOOP) return bad_entry(name, "its path leads through links that go in circles");
  errno = code;
  return entry_io(name, "cannot reach its folder");
}

}  // namespace

tl::unexpected<Error> bad_entry(const std::string& name, const std::string& why) {
  return fail(ErrorKind::malformed, "a layer's entry cannot be unpacked: " + shown(name) + ": " + why);
}

tl::unexpected<Error> entry_io(const std::string& name, const std::string& what) {
  const std::string reason = std::strerror(errno);
  return fail(ErrorKind::io, "cannot unpack " + shown(name) + ": " + what + ": " + reason);
}

Result<std::string> clean_name(const std::string& name) {
  if (name.size() >= PATH_MAX || name.find('\0') != std::string::npos) return bad_entry(name, "its name is too long");
  std::vector<std::string_view> parts;
  for (std::string_view rest = name; !rest.empty();) {
    const std::size_t end = std::min(rest.find('/'), rest.size());
    const std::string_view part = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (part.empty() || part == ".") continue;
    if (part != "..") {
      parts.push_back(part);
      continue;
    }
    if (parts.empty()) return bad_entry(name, "its name leads out of the image");
    parts.pop_back();
  }
  std::string out;
  for (const std::string_view part : parts) out += (out.empty() ? "" : "/") + std::string(part);
  return out;
}

Result<Tree> Tree::open(const std::string& folder) {
  Tree tree;
  tree.root_ = base::Fd(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC));
  if (!tree.root_) return entry_io(folder, "cannot open the folder");
  auto path = tree.real_path(tree.root_.get(), folder);
  if (!path) return base::pass_on(path);
  tree.root_path_ = std::move(*path);
  return tree;
}

Result<std::string> Tree::real_path(int fd, const std::string& name) const {
  std::array<char, PATH_MAX> buffer{};
  const auto got = ::readlink(("/proc/self/fd/" + std::to_string(fd)).c_str(), buffer.data(), buffer.size());
  if (got <= 0 || static_cast<std::size_t>(got) >= buffer.size()) return entry_io(name, "cannot tell its folder");
  const std::string path(buffer.data(), static_cast<std::size_t>(got));
  if (root_path_.empty() || path == root_path_) return root_path_.empty() ? path : std::string();
  if (!path.starts_with(root_path_ + "/")) return bad_entry(name, "its path leads out of the image");
  return path.substr(root_path_.size() + 1);
}

Result<Place> Tree::finish_place(base::Fd parent, const std::string& name) const {
  auto folder = real_path(parent.get(), name);
  if (!folder) return base::pass_on(folder);
  if (std::count(folder->begin(), folder->end(), '/') >= kMostFolders) {
    return fail(ErrorKind::limit, "a layer has more than " + std::to_string(kMostFolders) + " folders in one another");
  }
  std::string last = name.substr(name.rfind('/') + 1);
  std::string path = joined(*folder, last);
  return Place{std::move(parent), std::move(path), std::move(last)};
}

Result<base::Fd> Tree::make_parents(const std::string& parent, const std::string& name, const OnFolder& made) const {
  base::Fd above = open_folder_in_root(root_.get(), "");
  for (std::size_t end = 0; end != std::string::npos;) {
    end = parent.find('/', end + 1);
    const std::string path = parent.substr(0, end);
    base::Fd folder = open_folder_in_root(root_.get(), path);
    if (!folder && errno == ENOENT && above) {
      const std::string last = path.substr(path.rfind('/') + 1);
      if (::mkdirat(above.get(), last.c_str(), 0700) != 0) {
        if (errno == EEXIST) return bad_entry(name, "its path leads through a link to nowhere");
        return entry_io(name, "cannot make its folder");
      }
      auto real = real_path(above.get(), name);
      if (!real) return base::pass_on(real);
      if (made) made(joined(*real, last));
      folder = open_folder_in_root(root_.get(), path);
    }
    if (!folder) return cannot_reach(name);
    above = std::move(folder);
  }
  return above;
}

Result<Place> Tree::place(const std::string& name, const OnFolder& made) const {
  const std::string parent = parent_of(name);
  // Before anything is made: what is too deep could not even be removed again.
  if (std::count(name.begin(), name.end(), '/') >= kMostFolders) {
    return fail(ErrorKind::limit, "a layer has more than " + std::to_string(kMostFolders) + " folders in one another");
  }
  base::Fd folder = open_folder_in_root(root_.get(), parent);
  if (!folder && errno == ENOENT) {
    auto made_now = make_parents(parent, name, made);
    if (!made_now) return base::pass_on(made_now);
    folder = std::move(*made_now);
  }
  if (!folder) return cannot_reach(name);
  return finish_place(std::move(folder), name);
}

Result<std::optional<Place>> Tree::find(const std::string& name) const {
  base::Fd folder = open_folder_in_root(root_.get(), parent_of(name));
  if (!folder && (errno == ENOENT || errno == ENOTDIR)) return std::optional<Place>{};
  if (!folder) return cannot_reach(name);
  auto place = finish_place(std::move(folder), name);
  if (!place) return base::pass_on(place);
  return std::optional<Place>(std::move(*place));
}

base::Fd Tree::folder(const std::string& path) const {
  return open_in(root_.get(), path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS);
}

Result<void> Tree::remove(const Place& place, const Keep& keep) const {
  return remove_at(place.parent.get(), place.name, place.path, keep, 0);
}

Result<void> Tree::empty(const std::string& path, const Keep& keep) const {
  base::Fd found = folder(path);
  if (!found) return {};
  return empty_at(std::move(found), path, keep, 0);
}

Result<void> Tree::remove_at(int parent, const std::string& name, const std::string& path, const Keep& keep,
                             int depth) const {
  struct stat info {};
  if (::fstatat(parent, name.c_str(), &info, AT_SYMLINK_NOFOLLOW) != 0) {
    return errno == ENOENT ? Result<void>{} : entry_io(path, "cannot look at it");
  }
  const bool kept = keep && keep(path);
  if (!S_ISDIR(info.st_mode)) {
    if (kept || ::unlinkat(parent, name.c_str(), 0) == 0) return {};
    return entry_io(path, "cannot remove it");
  }
  base::Fd inside(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!inside) return entry_io(path, "cannot look into it");
  if (auto emptied = empty_at(std::move(inside), path, keep, depth + 1); !emptied) return emptied;
  if (kept || ::unlinkat(parent, name.c_str(), AT_REMOVEDIR) == 0 || errno == ENOTEMPTY || errno == EEXIST) return {};
  return entry_io(path, "cannot remove it");
}

// As deep as folders go, which place() bounds.
Result<void> Tree::empty_at(base::Fd folder, const std::string& path, const Keep& keep, int depth) const {
  if (depth > kMostFolders + 1) return fail(ErrorKind::limit, "a layer has too many folders in one another");
  const int fd = folder.release();
  const std::unique_ptr<DIR, int (*)(DIR*)> listing(::fdopendir(fd), &::closedir);
  if (!listing) {
    ::close(fd);
    return entry_io(path, "cannot list it");
  }
  std::vector<std::string> names;
  while (const dirent* entry = ::readdir(listing.get())) {
    const std::string_view name = entry->d_name;
    if (name != "." && name != "..") names.emplace_back(name);
  }
  for (const std::string& name : names) {
    if (auto removed = remove_at(fd, name, joined(path, name), keep, depth); !removed) return removed;
  }
  return {};
}

}  // namespace blindbox::image::internal
