// SPDX-License-Identifier: Apache-2.0
// Evidence from files, judged away from any channel.
#pragma once

#include "blindbox/policy/policy.h"
#include "endorsements_options.h"
#include "verify_output.h"

namespace blindbox::apps {

struct FilesToVerify {
  std::vector<std::string> sources;
  base::Time at{};
  std::optional<Bytes> report_data;  // --report-data; absent: freshness is not asked about
  EndorsementsOptions endorsements;  // where comes from what the evidence lacks
};

// Errors of the command line alone: ErrorKind::usage where the report data has another length than its place.
[[nodiscard]] Result<VerifyOutcome> verify_files(const FilesToVerify& files, const policy::Policy& policy);

}  // namespace blindbox::apps
