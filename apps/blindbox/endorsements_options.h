// SPDX-License-Identifier: Apache-2.0
// --offline, --kds-url and --cache-dir: where endorsements come from that evidence lacks.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "blindbox/attested_tls/client.h"
#include "blindbox/evidence/evidence.h"
#include "blindbox/policy/policy.h"

namespace blindbox::apps {

struct EndorsementsOptions {
  bool offline = false;
  std::string kds_url;                   // empty: AMD's
  std::optional<std::string> cache_dir;  // absent: the user's cache folder
};

// options outlives the command.
void add_endorsements_options(CLI::App& command, EndorsementsOptions& options);

// For connections: what attested_tls calls before it judges. Revocation lists are fetched where the policy demands them
// and the evidence carries none. ErrorKind::usage for a URL or a folder that is none.
[[nodiscard]] Result<attested_tls::CompleteEvidence> evidence_completer(const EndorsementsOptions& options,
                                                                        const policy::Policy& policy);

// The same at once, for evidence from files. ErrorKind::network: something could not be fetched; the evidence is then as
// it was.
[[nodiscard]] Result<void> complete_evidence(evidence::Evidence& evidence, const policy::Policy& policy,
                                             const EndorsementsOptions& options);

}  // namespace blindbox::apps
