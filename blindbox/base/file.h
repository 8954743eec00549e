// SPDX-License-Identifier: Apache-2.0
// Files from outside are read under a cap, files of ours appear whole or not at all.
#pragma once

#include <string>

#include "blindbox/base/bytes.h"

namespace blindbox::base {

// The whole file. More than cap bytes is ErrorKind::limit, before anything is allocated for it.
[[nodiscard]] Result<Bytes> read_file(const std::string& path, std::size_t cap);

// Temporary file beside it, fsync, rename. mode are the permission bits of a new file.
[[nodiscard]] Result<void> write_file(const std::string& path, ByteView contents, unsigned mode = 0644);

}  // namespace blindbox::base
