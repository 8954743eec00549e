// SPDX-License-Identifier: Apache-2.0
// Files that Git keeps elsewhere: a repository cloned without git-lfs holds a few lines in place of each.
#pragma once

#include <string>

#include "blindbox/base/bytes.h"

namespace blindbox::model::internal {

// ErrorKind::model where the file's beginning is that of a pointer (git-lfs, docs/spec.md).
[[nodiscard]] Result<void> refuse_pointer(ByteView start, const std::string& path);

}  // namespace blindbox::model::internal
