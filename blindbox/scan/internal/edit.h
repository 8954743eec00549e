// SPDX-License-Identifier: Apache-2.0
// A body without what must not leave.
#pragma once

#include <optional>

#include "blindbox/scan/ignore.h"
#include "blindbox/scan/rules.h"

namespace blindbox::scan::internal {

// secrets in the order of their places, as Rules::find gives them; where they overlap, all of it goes.
[[nodiscard]] std::string redact(std::string_view text, const std::vector<Secret>& secrets);

// json: what each_string accepted. The order of members stays; of members that stand twice the last remains. Without
// rules secrets stay. nullopt: an ignored file is named by an object that is no part of a list.
[[nodiscard]] std::optional<std::string> edited(std::string_view json, const Rules* rules, IgnoreList& ignore);

}  // namespace blindbox::scan::internal
