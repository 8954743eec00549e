// SPDX-License-Identifier: Apache-2.0
// Evidence from files, judged away from any channel: blindbox.verify() of anything but a URL.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "blindbox/intake/intake.h"
#include "blindbox/session/session.h"

namespace blindbox::python {

struct FilesToJudge {
  std::vector<std::string> sources;
  base::Time at{};
  std::optional<Bytes> report_data;  // absent: freshness is not asked about
  session::Endorsements endorsements;
};

struct Judged {
  std::optional<verifier::Verdict> verdict;  // absent where the failure came before
  std::optional<Error> error;                // absent where all is well
  std::vector<std::string> notes;            // what an accepting verdict does not say
};

// Blocks: what the evidence lacks is fetched unless endorsements say otherwise.
[[nodiscard]] Judged judge_files(const FilesToJudge& files, const policy::Policy& policy);

}  // namespace blindbox::python
