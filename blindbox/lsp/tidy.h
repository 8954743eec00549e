// SPDX-License-Identifier: Apache-2.0
// From what a model said to what is worth showing.
#pragma once

#include <string>
#include <string_view>

namespace blindbox::lsp {

struct Said {
  std::string_view text;
  bool single_line = false;
  bool out_of_tokens = false;
  bool line_begun = false;  // something stands before the cursor in its line
};

// Without what stands behind the cursor already (brackets, quotes, lines), without the end that a limit has cut in two,
// without white space at its end; "" where nothing is left. after is the text behind the cursor.
[[nodiscard]] std::string tidy(const Said& said, std::string_view after);

}  // namespace blindbox::lsp
