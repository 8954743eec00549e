// SPDX-License-Identifier: Apache-2.0
#include "blindbox/sandbox/internal/mounts.h"

#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>

namespace blindbox::sandbox::internal {

using base::Fd;

Fd clone_tree(int folder, const char* path, bool recursive) {
  const unsigned flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | (recursive ? unsigned{AT_RECURSIVE} : 0U);
  return Fd(::open_tree(folder, path, flags));
}

Fd make_tmpfs(const Tmpfs& what) {
  const Fd context(::fsopen("tmpfs", FSOPEN_CLOEXEC));
  if (!context) return {};
  std::array<char, 16> mode{};
  std::snprintf(mode.data(), mode.size(), "%o", what.mode & 07777U);
  // tmpfs takes a size of 0 for "no limit", and a page is the least.
  const std::string size = std::to_string(std::max<std::uint64_t>(what.size, 4096));
  const std::string nodes = std::to_string(what.size / 1024 + 64);
  const auto set = [&context](const char* key, const std::string& value) {
    return ::fsconfig(context.get(), FSCONFIG_SET_STRING, key, value.c_str(), 0) == 0;
  };
  const bool ready = set("size", size) && set("nr_inodes", nodes) && set("mode", mode.data()) &&
                     set("uid", std::to_string(what.uid)) && set("gid", std::to_string(what.gid)) &&
                     ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) == 0;
  if (!ready) return {};
  return Fd(::fsmount(context.get(), FSMOUNT_CLOEXEC, MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV));
}

Fd make_proc() {
  const Fd context(::fsopen("proc", FSOPEN_CLOEXEC));
  // Shows nobody what he may not trace: the keeper is not there. Linux 5.8; without it, its name and numbers are.
  if (context) (void)::fsconfig(context.get(), FSCONFIG_SET_STRING, "hidepid", "ptraceable", 0);
  if (!context || ::fsconfig(context.get(), FSCONFIG_CMD_CREATE, nullptr, nullptr, 0) != 0) return {};
  return Fd(::fsmount(context.get(), FSMOUNT_CLOEXEC,
                      MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC));
}

bool restrict_mount(int mount, std::uint64_t flags, bool recursive) {
  mount_attr attributes{};
  attributes.attr_set = static_cast<decltype(attributes.attr_set)>(flags);
  const int how = AT_EMPTY_PATH | (recursive ? AT_RECURSIVE : 0);
  return ::mount_setattr(mount, "", static_cast<unsigned>(how), &attributes, sizeof attributes) == 0;
}

bool attach(int mount, int target) {
  return ::move_mount(mount, "", target, "", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH) == 0;
}

Fd open_in(int root, const std::string& path, int flags) {
  open_how how{};
  how.flags = static_cast<decltype(how.flags)>(flags) | O_CLOEXEC;
  how.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS;
  return Fd(static_cast<int>(::syscall(SYS_openat2, root, path.c_str(), &how, sizeof how)));
}

Fd ensure_directory(int root, const std::string& path) {
  for (std::size_t end = 1; end != std::string::npos;) {
    end = path.find('/', end);
    const std::string part = path.substr(0, end);
    if (end != std::string::npos) ++end;
    if (open_in(root, part, O_PATH | O_DIRECTORY)) continue;
    if (errno != ENOENT) return {};
    const auto slash = part.rfind('/');
    const Fd above = open_in(root, slash == 0 ? "/" : part.substr(0, slash), O_PATH | O_DIRECTORY);
    if (!above || ::mkdirat(above.get(), part.c_str() + slash + 1, 0755) != 0) return {};
  }
  return open_in(root, path, O_PATH | O_DIRECTORY);
}

}  // namespace blindbox::sandbox::internal
