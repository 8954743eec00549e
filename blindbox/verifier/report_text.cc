// SPDX-License-Identifier: Apache-2.0
#include "blindbox/verifier/report_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "blindbox/base/digest.h"

namespace blindbox::verifier {
namespace {

constexpr std::size_t kWidest = 48;  // of the columns expected and found

bool is_hex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

std::string cell(std::string_view text) {
  std::string out = printable(shorten_hex(text));
  if (out.size() > kWidest) out = out.substr(0, kWidest - 3) + "...";
  return out;
}

std::string_view outcome_word(Outcome outcome) {
  return outcome == Outcome::not_requested ? "not requested" : outcome == Outcome::passed ? "passed" : "FAILED";
}

std::string_view outcome_colour(Outcome outcome) {
  return outcome == Outcome::passed ? "\x1b[32m" : outcome == Outcome::failed ? "\x1b[1;31m" : "\x1b[2m";
}

struct Row {
  std::string check, expected, found;
  Outcome outcome;
  std::string_view purpose, reference;
};

std::string banner(bool colour) {
  const std::string line =
      fmt::format("*** {} ***   *** {} ***   *** {} ***", kEmulatedBanner, kEmulatedBanner, kEmulatedBanner);
  return colour ? "\x1b[1;37;41m" + line + "\x1b[0m\n" : line + "\n";
}

std::string summary(const Verdict& verdict) {
  const auto count = [&](Outcome outcome) {
    return std::count_if(verdict.findings().begin(), verdict.findings().end(),
                         [outcome](const Finding& finding) { return finding.outcome == outcome; });
  };
  return fmt::format("verdict: {} at {}, stage {}: {} passed, {} failed, {} not requested\n",
                     verdict.accepted() ? "accepted" : "REFUSED", base::to_iso8601(verdict.judged_at()),
                     stage_name(verdict.reached()), count(Outcome::passed), count(Outcome::failed),
                     count(Outcome::not_requested));
}

}  // namespace

std::string printable(std::string text) {
  for (char& c : text) {
    if (static_cast<unsigned char>(c) < 0x20 || static_cast<unsigned char>(c) >= 0x7F) c = '?';
  }
  return text;
}

std::string shorten_hex(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size();) {
    const std::size_t end = static_cast<std::size_t>(
        std::find_if_not(text.begin() + static_cast<std::ptrdiff_t>(i), text.end(), is_hex) - text.begin());
    const std::string_view run = text.substr(i, end - i);
    if (run.size() > 20) {
      out += std::string(run.substr(0, 8)) + "..." + std::string(run.substr(run.size() - 8));
    } else {
      out += run;
    }
    if (end < text.size()) out += text[end];
    i = end + 1;
  }
  return out;
}

std::string render_table(const Verdict& verdict, const TableOptions& options) {
  const bool colour = options.colour;
  std::vector<Row> rows;
  std::size_t check_width = 5, expected_width = 8, found_width = 5;
  for (const Finding& finding : verdict.findings()) {
    const Row& row = rows.emplace_back(Row{finding.id, cell(finding.expected), cell(finding.actual), finding.outcome,
                                           finding.purpose, finding.reference});
    check_width = std::max(check_width, row.check.size());
    expected_width = std::max(expected_width, row.expected.size());
    found_width = std::max(found_width, row.found.size());
  }
  const auto line = [&](std::string_view check, std::string_view expected, std::string_view found) {
    return fmt::format("{:<{}}  {:<{}}  {:<{}}  ", check, check_width, expected, expected_width, found, found_width);
  };
  std::string out = verdict.emulated() ? banner(colour) : "";
  out += line("check", "expected", "found") + "outcome\n";
  for (const Row& row : rows) {
    out += line(row.check, row.expected, row.found);
    const std::string_view word = outcome_word(row.outcome);
    out += colour ? fmt::format("{}{}\x1b[0m\n", outcome_colour(row.outcome), word) : fmt::format("{}\n", word);
    if (options.explain) out += fmt::format("    {} [{}]\n", row.purpose, row.reference);
  }
  out += summary(verdict);
  if (verdict.emulated()) out += banner(colour);
  return out;
}

const char* verdict_stage(const Verdict& verdict) {
  if (verdict.accepted()) return "accepted";
  switch (verdict.reached()) {
    case Stage::parse: return "malformed";
    case Stage::authenticate: return "not_authentic";
    case Stage::appraise: return "not_acceptable";
  }
  return "malformed";
}

nlohmann::json to_json(const Verdict& verdict) {
  using nlohmann::json;
  json checks = json::array();
  for (const Finding& finding : verdict.findings()) {
    checks.push_back({{"id", finding.id},
                      {"stage", stage_name(finding.stage)},
                      {"outcome", outcome_name(finding.outcome)},
                      {"expected", finding.expected},
                      {"actual", finding.actual},
                      {"reference", finding.reference},
                      {"purpose", finding.purpose}});
  }
  return {{"verdict", verdict.accepted() ? "accepted" : "refused"},
          {"stage", verdict_stage(verdict)},
          {"emulated", verdict.emulated()},
          {"judged_at", base::to_iso8601(verdict.judged_at())},
          {"checks", std::move(checks)}};
}

std::string render_json(const Verdict& verdict) {
  return to_json(verdict).dump(2, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::string verdict_digest(const Verdict& verdict) {
  const std::string text = to_json(verdict).dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
  return base::to_hex(base::sha256(base::view(text)));
}

}  // namespace blindbox::verifier
