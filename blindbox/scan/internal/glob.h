// SPDX-License-Identifier: Apache-2.0
// One line of gitignore(5) as an expression for RE2.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace blindbox::scan::internal {

struct Glob {
  std::string regex;  // of a whole path, relative to the folder of the patterns
  bool negated = false;
  bool folders_only = false;
};

// nullopt for an empty line, a comment, or a pattern that can match nothing.
[[nodiscard]] std::optional<Glob> read_glob(std::string_view line);

}  // namespace blindbox::scan::internal
