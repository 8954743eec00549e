// SPDX-License-Identifier: Apache-2.0
#include "verify_output.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "blindbox/verifier/report_text.h"
#include "command.h"

namespace blindbox::apps {
namespace {

using nlohmann::json;
using verifier::printable;

// The stage of an error that came before any verdict.
const char* stage_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::not_authentic: return "not_authentic";
    case ErrorKind::not_acceptable: return "not_acceptable";
    case ErrorKind::network:
    case ErrorKind::protocol:
    case ErrorKind::io: return "could_not_fetch";
    default: return "malformed";
  }
}

json sources_json(const std::vector<intake::Source>& sources) {
  json out = json::array();
  for (const intake::Source& source : sources) {
    out.push_back({{"name", source.name}, {"form", source.form}, {"ignored", source.ignored}});
  }
  return out;
}

// What docs/verdict.schema.json describes.
void print_json(const VerifyOutcome& outcome) {
  json root = {{"verdict", "refused"},
               {"stage", outcome.error ? stage_of(outcome.error->kind) : "malformed"},
               {"emulated", false},
               {"judged_at", base::to_iso8601(outcome.at)},
               {"checks", json::array()}};
  if (outcome.verdict) root = verifier::to_json(*outcome.verdict);
  if (outcome.verdict && outcome.verdict->accepted() && outcome.error) {  // the escape attempts' result is what fails
    root["verdict"] = "refused";
    root["stage"] = stage_of(outcome.error->kind);
  }
  root["sources"] = sources_json(outcome.sources);
  root["notes"] = outcome.notes;
  if (outcome.probed.at_start) root["probe"]["at_start"] = probe_json(*outcome.probed.at_start);
  if (outcome.probed.fresh) root["probe"]["fresh"] = probe_json(*outcome.probed.fresh);
  if (outcome.error) {
    root["error"] = {{"kind", base::kind_name(outcome.error->kind)},
                     {"what", outcome.error->what},
                     {"detail", outcome.error->detail},
                     {"hint", outcome.error->hint}};
  }
  fmt::print("{}\n", root.dump(2, ' ', false, json::error_handler_t::replace));
}

void print_sources(const std::vector<intake::Source>& sources) {
  std::size_t width = 0;
  for (const intake::Source& source : sources) {
    if (!source.ignored) width = std::max(width, source.name.size());
  }
  for (const intake::Source& source : sources) {
    if (!source.ignored) fmt::print("{:<{}}  {}\n", printable(source.name), width, printable(source.form));
  }
  for (const intake::Source& source : sources) {
    if (source.ignored) fmt::print("left aside: {}: {}\n", printable(source.name), printable(source.form));
  }
  if (!sources.empty()) fmt::print("\n");
}

void print_text(const VerifyOutcome& outcome, bool explain) {
  if (outcome.from_files) print_sources(outcome.sources);
  if (!outcome.verdict) return;
  fmt::print("{}", verifier::render_table(*outcome.verdict, {.colour = is_terminal(stdout), .explain = explain}));
  const bool colour = is_terminal(stdout);
  if (outcome.probed.at_start) {
    fmt::print("\n{}", render_probe("escape attempts when the server started", *outcome.probed.at_start,
                                    explain && !outcome.probed.fresh, colour));
  }
  if (outcome.probed.fresh) {
    fmt::print("\n{}", render_probe("escape attempts now", *outcome.probed.fresh, true, colour));
  }
  for (const std::string& note : outcome.notes) fmt::print("note: {}\n", note);
  fmt::print("\n{}: {}\n", printable(outcome.subject),
             outcome.verdict->accepted() && !outcome.error ? "accepted" : "refused");
}

}  // namespace

int print_outcome(const VerifyOutcome& outcome, const VerifyOutput& output) {
  if (output.json) {
    print_json(outcome);
  } else {
    print_text(outcome, output.explain);
  }
  std::fflush(stdout);
  if (!outcome.error) return 0;
  const int status = report(*outcome.error);
  return outcome.error->kind == ErrorKind::io ? base::exit_code(ErrorKind::network) : status;
}

}  // namespace blindbox::apps
