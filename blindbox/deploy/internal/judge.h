// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "blindbox/deploy/internal/seen.h"
#include "blindbox/deploy/lint.h"

namespace blindbox::deploy::internal {

// Adds what is to be said of one group.
void judge(const SeenGroup& group, const std::optional<ExpectedImage>& image, std::vector<Remark>& out);

}  // namespace blindbox::deploy::internal
