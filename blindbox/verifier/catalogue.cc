// SPDX-License-Identifier: Apache-2.0
#include "blindbox/verifier/catalogue.h"

#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier {

std::vector<CheckEntry> catalogue() {
  std::vector<CheckEntry> out;
  const auto add = [&out](Stage stage, const auto& checks) {
    for (const auto* check : checks) out.push_back({stage, check->id, check->reference, check->purpose});
  };
  add(Stage::parse, checks::parse_checks());
  add(Stage::authenticate, checks::authenticate_checks());
  add(Stage::appraise, checks::appraise_checks());
  return out;
}

}  // namespace blindbox::verifier
