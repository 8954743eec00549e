// SPDX-License-Identifier: Apache-2.0
// The escape attempts of a server: what it found when it started, and what it finds now for this client's nonce.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <optional>

#include "blindbox/attested_tls/client.h"
#include "blindbox/probe/report.h"

namespace blindbox::apps {

struct Probed {
  std::optional<probe::Report> at_start;  // of the secondary evidence, which the verdict covers
  std::optional<probe::Report> fresh;     // for a nonce of ours
};

// nullopt where the bundle holds none. ErrorKind::malformed.
[[nodiscard]] Result<std::optional<probe::Report>> probe_at_start(const evidence::Bundle& bundle);

// A run for a nonce that nobody could know before; ErrorKind::protocol where the answer is about another one.
net::Task<Result<probe::Report>> probe_now(attested_tls::AttestedConnection& connection);

// ErrorKind::not_acceptable, naming what escaped.
[[nodiscard]] Result<void> expect_nothing_escaped(const probe::Report& report);

// "escape attempts at start: 119 blocked, 2 not applicable" and, for one that escaped or where all is wanted, a row each.
[[nodiscard]] std::string render_probe(const std::string& title, const probe::Report& report, bool all, bool colour);

// What docs/verdict.schema.json calls a probe.
[[nodiscard]] nlohmann::json probe_json(const probe::Report& report);

}  // namespace blindbox::apps
