// SPDX-License-Identifier: Apache-2.0
// The checks that there are, for documents and listings: docs/checks.md is made from this.
#pragma once

#include <string_view>
#include <vector>

#include "blindbox/verifier/verdict.h"

namespace blindbox::verifier {

struct CheckEntry {
  Stage stage = Stage::parse;
  std::string_view id;
  std::string_view reference;
  std::string_view purpose;
};

// Every check, in the order in which they run.
[[nodiscard]] std::vector<CheckEntry> catalogue();

}  // namespace blindbox::verifier
