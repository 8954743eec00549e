// SPDX-License-Identifier: Apache-2.0
// Where the bytes of a sparse file lie: GNU's own headers (type S) and GNU's pax formats 0.0, 0.1 and 1.0.
#pragma once

#include <functional>
#include <optional>
#include <vector>

#include "blindbox/archive/tar_header.h"

namespace blindbox::archive {

struct Fragment {
  std::int64_t offset = 0;
  std::int64_t length = 0;
};
using SparseMap = std::vector<Fragment>;

// Hands out the next block of the archive, or of the entry's contents.
using NextBlock = std::function<Result<TarBlock>()>;

// Sets header.size to the size of the file itself. next reads the blocks that continue the map.
[[nodiscard]] Result<SparseMap> read_gnu_sparse(TarHeader& header, const TarBlock& block, const NextBlock& next);
// Nothing where the records describe no sparse file, or one of an unknown version; else also sets name and size.
[[nodiscard]] Result<std::optional<SparseMap>> read_pax_sparse(TarHeader& header, const NextBlock& next);
// In order, apart, and inside the file.
[[nodiscard]] bool is_valid(const SparseMap& map, std::int64_t size);

}  // namespace blindbox::archive
