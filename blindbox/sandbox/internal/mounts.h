// SPDX-License-Identifier: Apache-2.0
// Mounts as descriptors: made first, attached when they are complete, and never through a path that an image could
// bend.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <cstdint>
#include <string>

#include "blindbox/base/fd.h"

namespace blindbox::sandbox::internal {

// Each returns an empty Fd with errno set where the kernel refuses.
[[nodiscard]] base::Fd clone_tree(int folder, const char* path, bool recursive);
struct Tmpfs {
  std::uint64_t size = 0;  // bytes; 0: nothing can be written
  mode_t mode = 0755;
  uid_t uid = ::geteuid();  // in a namespace with one user there is no other
  gid_t gid = ::getegid();
};
[[nodiscard]] base::Fd make_tmpfs(const Tmpfs& what);
[[nodiscard]] base::Fd make_proc();

// mount_setattr(2) flags for the mount, or for all below it.
[[nodiscard]] bool restrict_mount(int mount, std::uint64_t flags, bool recursive);
// Puts a mount over what target is open on.
[[nodiscard]] bool attach(int mount, int target);

// Opens path (absolute) below root as if root were "/": no link leads out.
[[nodiscard]] base::Fd open_in(int root, const std::string& path, int flags);
// The directory path in root, made with everything above it where it is missing.
[[nodiscard]] base::Fd ensure_directory(int root, const std::string& path);

}  // namespace blindbox::sandbox::internal
