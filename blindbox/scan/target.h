// SPDX-License-Identifier: Apache-2.0
// One request's target: its path and its query, which leave with it and stand in logs on the way.
#pragma once

#include "blindbox/scan/body.h"

namespace blindbox::scan {

struct ScannedTarget {
  std::vector<Finding> findings;    // place: "the path" or "the query"
  std::optional<Error> blocked;     // ErrorKind::forbidden: the request must not leave
  std::optional<std::string> path;  // for the ledger, without the secrets that it holds
};

// Secrets in the path and in each member of the query, percent-decoded; files that ignore names, in members that name
// files as in a body (scan_body). warn lets secrets pass; redact refuses too, since a target without a part of itself asks
// for something else.
[[nodiscard]] ScannedTarget scan_target(std::string_view target, Mode mode, const Rules& rules, IgnoreList& ignore);

}  // namespace blindbox::scan
