// SPDX-License-Identifier: Apache-2.0
// Evidence of a server or of files, judged: what "verify" and "policy pin" begin with.
#pragma once

#include <CLI/CLI.hpp>

#include "blindbox/policy/policy.h"
#include "endorsements_options.h"
#include "verify_output.h"

namespace blindbox::apps {

struct SourceOptions {
  std::vector<std::string> sources;
  // An empty text is a value: a script's unset variable must not become "nothing was given".
  std::optional<std::string> at, report_data;
  EndorsementsOptions endorsements;
  bool probe = false;  // ask a server for a fresh run of its escape attempts
};

// options outlives the command.
void add_source_options(CLI::App& command, SourceOptions& options);

// An error is the command line's; what is wrong with the evidence or on the way to it stands in the outcome.
[[nodiscard]] Result<VerifyOutcome> verify_sources(const SourceOptions& options, const policy::Policy& policy);

}  // namespace blindbox::apps
