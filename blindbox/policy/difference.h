// SPDX-License-Identifier: Apache-2.0
// Two texts line by line, for eyes: what a pinned policy changes.
#pragma once

#include <string>
#include <string_view>

namespace blindbox::policy {

// Every line of either text, with "  ", "- " or "+ " before it; empty where both are the same. At most some thousand
// lines each: the table of their common subsequence is held in memory.
[[nodiscard]] std::string difference(std::string_view before, std::string_view after);

}  // namespace blindbox::policy
