// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "blindbox/deploy/internal/seen.h"
#include "blindbox/deploy/lint.h"

namespace blindbox::deploy::internal {

// Adds what is to be said of one group. compared counts on over the groups of a file: ErrorKind::limit where judging it
// would take too long.
[[nodiscard]] Result<void> judge(const SeenGroup& group, const std::optional<ExpectedImage>& image,
                                 std::size_t& compared, std::vector<Remark>& out);

}  // namespace blindbox::deploy::internal
