// SPDX-License-Identifier: Apache-2.0
// What a careful reader would say of a policy.
#pragma once

#include <string>
#include <vector>

#include "blindbox/policy/policy.h"

namespace blindbox::policy {

struct Remark {
  // error: nothing can be accepted, or protection is taken away; warning: weaker than it should be; note: a choice.
  enum class Level { error, warning, note };
  Level level = Level::note;
  std::string where;  // "sev_snp.measurements"
  std::string what;   // lower case, one sentence
};
[[nodiscard]] const char* level_name(Remark::Level level);

// In the order of the file's sections; empty for a policy that leaves nothing to say.
[[nodiscard]] std::vector<Remark> lint(const Policy& policy);

}  // namespace blindbox::policy
