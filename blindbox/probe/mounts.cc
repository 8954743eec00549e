// SPDX-License-Identifier: Apache-2.0
// File systems: mounted, moved, taken away, or entered by another door. What succeeds is undone.
#include <fcntl.h>
#include <linux/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "blindbox/base/fd.h"
#include "blindbox/probe/internal/attempt.h"

// glibc's <sys/mount.h> and the kernel's header exclude each other in Debian 12.
extern "C" {
int mount(const char* source, const char* target, const char* type, unsigned long flags, const void* data) noexcept;
int umount2(const char* target, int flags) noexcept;
}

namespace blindbox::probe::internal {
namespace {

constexpr int kExpire = 4;  // MNT_EXPIRE: marks what is mounted, and takes nothing away at the first call
constexpr int kDetach = 2;  // MNT_DETACH

Finding undo_mount(int mounted, const std::string& place, const std::string& meaning) {
  const Finding finding = unless_failed(mounted, meaning);
  if (mounted == 0) (void)::umount2(place.c_str(), kDetach);
  return finding;
}

Finding mount_new(const Settings& settings) {
  const std::string place = places_to_write(settings).front();
  return undo_mount(::mount("none", place.c_str(), "tmpfs", 0, nullptr), place, "a file system was mounted");
}

Finding mount_proc(const Settings& settings) {
  const std::string place = places_to_write(settings).front();
  return undo_mount(::mount("none", place.c_str(), "proc", 0, nullptr), place, "/proc was mounted anew");
}

Finding bind_mount(const Settings& settings) {
  const std::string place = places_to_write(settings).front();
  return undo_mount(::mount("/", place.c_str(), nullptr, MS_BIND, nullptr), place, "a folder was mounted elsewhere");
}

// An unknown flag in a request to change how mounts spread: the permission is asked for first.
Finding change_spread(const Settings&) {
  return unless_refused(::mount(nullptr, "/", nullptr, MS_SHARED | MS_PRIVATE, nullptr), "changing mounts");
}

Finding take_away(const Settings& settings) {
  return unless_refused(::umount2(places_to_write(settings).front().c_str(), kExpire), "unmounting");
}

Finding change_root(const Settings& settings) {
  const std::string place = places_to_write(settings).front();
  return unless_refused(::syscall(SYS_pivot_root, place.c_str(), "/proc/self"), "changing the root");
}

Finding open_file_system(const Settings&) {
  const base::Fd fd(static_cast<int>(::syscall(SYS_fsopen, "tmpfs", FSOPEN_CLOEXEC)));
  return unless_failed(fd.get(), "a file system was made");
}

Finding clone_tree(const Settings&) {
  const base::Fd fd(
      static_cast<int>(::syscall(SYS_open_tree, AT_FDCWD, "/", unsigned{OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC})));
  return unless_failed(fd.get(), "a tree of mounts was copied");
}

Finding move(const Settings&) {
  return unless_refused(::syscall(SYS_move_mount, -1, "", -1, "", unsigned{MOVE_MOUNT_F_EMPTY_PATH}), "moving a mount");
}

Finding set_attributes(const Settings&) {
  mount_attr nothing{};
  return unless_refused(::syscall(SYS_mount_setattr, AT_FDCWD, "/", 0U, &nothing, sizeof nothing),
                        "changing a mount's attributes");
}

Finding change_directory_root(const Settings&) { return unless_failed(::chroot("."), "the root was changed"); }

// Past every mount and every permission on the way: a file by its number.
Finding open_by_handle(const Settings&) {
  // A head, and behind it as many bytes as a handle has at most.
  alignas(file_handle) std::array<unsigned char, sizeof(file_handle) + MAX_HANDLE_SZ> room{};
  auto* const handle = reinterpret_cast<file_handle*>(room.data());
  int error = 0;
  for (const char* const path : {"/", "/tmp", "/dev/shm", "/proc/self/exe"}) {
    handle->handle_bytes = MAX_HANDLE_SZ;
    int mount = 0;
    if (::name_to_handle_at(AT_FDCWD, path, handle, &mount, AT_SYMLINK_FOLLOW) != 0) {
      // A file system without handles: any will do, since the permission is asked for before they are read.
      handle->handle_bytes = 8;
      handle->handle_type = 1;
    }
    const base::Fd at(::open(path, O_RDONLY | O_CLOEXEC));
    const base::Fd fd(::open_by_handle_at(at ? at.get() : AT_FDCWD, handle, O_RDONLY | O_CLOEXEC));
    if (fd || errno == ESTALE) return escaped("a file was opened by its handle");
    error = errno;
  }
  return blocked(error);
}

}  // namespace

void add_mounts(Catalogue& to) {
  to.push_back({"mount.new", "mount a file system", mount_new});
  to.push_back({"mount.proc", "mount /proc anew", mount_proc});
  to.push_back({"mount.bind", "mount the root elsewhere", bind_mount});
  to.push_back({"mount.change", "change how mounts spread", change_spread});
  to.push_back({"mount.take_away", "unmount", take_away});
  to.push_back({"mount.pivot_root", "change the root with pivot_root", change_root});
  to.push_back({"mount.fsopen", "make a file system with fsopen", open_file_system});
  to.push_back({"mount.open_tree", "copy a tree of mounts with open_tree", clone_tree});
  to.push_back({"mount.move_mount", "move a mount with move_mount", move});
  to.push_back({"mount.set_attributes", "change a mount with mount_setattr", set_attributes});
  to.push_back({"chroot", "change the root with chroot", change_directory_root});
  to.push_back({"files.by_handle", "open a file by its handle", open_by_handle});
}

}  // namespace blindbox::probe::internal
