// SPDX-License-Identifier: Apache-2.0
// What verify says at its end: a table for people or one JSON object for programs, and the exit status.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "blindbox/intake/intake.h"
#include "blindbox/verifier/verdict.h"
#include "verify_probe.h"

namespace blindbox::apps {

struct VerifyOutcome {
  std::string subject;                       // whose verdict it is: "127.0.0.1:8443", "the evidence"
  base::Time at{};                           // when the evidence was judged
  bool from_files = true;                    // then the text lists the sources
  std::vector<intake::Source> sources;       // what it was read from
  std::optional<verifier::Verdict> verdict;  // absent where the failure came before
  std::optional<Error> error;                // absent where all is well
  std::vector<std::string> notes;            // what an accepting verdict does not say
  evidence::Evidence evidence{};             // what was judged
  Bytes manifest{};                          // a server's; empty for files
  Probed probed{};                           // a server's
};

struct VerifyOutput {
  bool json = false;
  bool explain = false;
};

// The exit status. Evidence that cannot be read counts as not fetched: 6.
[[nodiscard]] int print_outcome(const VerifyOutcome& outcome, const VerifyOutput& output);

}  // namespace blindbox::apps
