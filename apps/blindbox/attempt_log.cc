// SPDX-License-Identifier: Apache-2.0
#include "attempt_log.h"

#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <utility>

#include "blindbox/verifier/report_text.h"
#include "command.h"

namespace blindbox::apps {
namespace {

std::string cost(const attested_tls::Timings& timings) {
  const auto ms = [](std::chrono::microseconds time) { return static_cast<double>(time.count()) / 1000; };
  // Next to nothing where the evidence lacks nothing, and then not worth a word.
  const bool fetched = timings.endorsements > std::chrono::milliseconds(10);
  const std::string endorsements =
      fetched ? fmt::format("endorsements {:.1f} ms, ", ms(timings.endorsements)) : std::string();
  return fmt::format("TLS handshake {:.1f} ms, evidence {:.1f} ms, {}verification {:.1f} ms", ms(timings.handshake),
                     ms(timings.evidence), endorsements, ms(timings.verification));
}

}  // namespace

void AttemptLog::tell(const std::string& name, const attested_tls::ConnectOutcome& outcome) {
  One& one = servers_[name];
  const std::string server = several_ ? name + ": " : "";
  if (outcome.verdict && !std::exchange(one.shown, true)) {
    if (several_) fmt::print("{}\n", name);
    fmt::print("{}\n", verifier::render_table(*outcome.verdict, {.colour = is_terminal(stdout)}));
    if (outcome.connection) fmt::print("{}\n", cost(outcome.timings));
    std::fflush(stdout);
  }
  const std::string trouble = outcome.connection ? "" : outcome.connection.error().what;
  if (trouble.empty()) {
    const bool emulated = outcome.verdict && outcome.verdict->emulated();
    spdlog::debug("{}connected: {}{}", server, cost(outcome.timings), emulated ? "; EMULATED, NOT A TEE" : "");
    if (!one.trouble.empty()) spdlog::info("{}connected again", server);
  } else if (started_ && trouble != one.trouble) {
    spdlog::error("{}no connection: {}", server, trouble);
  }
  one.trouble = trouble;
}

}  // namespace blindbox::apps
