// SPDX-License-Identifier: Apache-2.0
// The image's user: what its configuration says, resolved by the image's own /etc/passwd and /etc/group.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

#include "blindbox/base/result.h"

namespace blindbox::sandbox {

struct User {
  uid_t uid = 0;
  gid_t gid = 0;
  std::vector<gid_t> groups;  // supplementary
  std::string home = "/";
};

// text as OCI image-spec config.md has it: "", "user", "uid", "user:group", "uid:gid"; empty is 0:0. root is the folder
// of the image, "/" inside a container. A name that nobody has, or a number over 2^31 - 2, is ErrorKind::usage.
[[nodiscard]] Result<User> resolve_user(const std::string& text, const std::string& root = "/");

}  // namespace blindbox::sandbox
