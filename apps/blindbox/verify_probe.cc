// SPDX-License-Identifier: Apache-2.0
#include "verify_probe.h"

#include <fmt/color.h>
#include <fmt/format.h>

#include <algorithm>

#include "blindbox/attested_tls/probe_request.h"
#include "blindbox/evidence/secondary.h"
#include "blindbox/verifier/report_text.h"

namespace blindbox::apps {
namespace {

using probe::Outcome;

constexpr std::chrono::minutes kPatience{2};

std::string words(Outcome outcome) {
  return outcome == Outcome::not_applicable ? "not applicable" : std::string(probe::outcome_name(outcome));
}

}  // namespace

Result<std::optional<probe::Report>> probe_at_start(const evidence::Bundle& bundle) {
  auto secondary = evidence::decode_secondary(bundle.secondary);
  if (!secondary) return base::pass_on(secondary);
  if (secondary->probe.empty()) return std::nullopt;
  auto report = probe::decode(base::as_text(secondary->probe));
  if (!report) return base::pass_on(report);
  return std::optional(*std::move(report));
}

net::Task<Result<probe::Report>> probe_now(attested_tls::AttestedConnection& connection) {
  const Bytes random = base::random_bytes(probe::kNonceSize);
  probe::Nonce nonce{};
  std::ranges::copy(random, nonce.begin());
  auto answer = co_await attested_tls::request_probe(connection, nonce, kPatience);
  if (!answer) co_return base::pass_on(answer);
  auto report = probe::decode(*answer);
  if (report && report->nonce != nonce) {
    co_return base::fail(ErrorKind::protocol, "the result of the escape attempts is not of the run that was asked for",
                         "nonce sent " + base::to_hex(nonce) + ", got " + base::to_hex(report->nonce));
  }
  co_return report;
}

Result<void> expect_nothing_escaped(const probe::Report& report) {
  std::string ids;
  for (const probe::Attempt& one : report.attempts) {
    if (one.outcome == Outcome::escaped) ids += (ids.empty() ? "" : ", ") + one.id;
  }
  if (ids.empty()) return {};
  return base::fail(ErrorKind::not_acceptable, "something gets out of the sandbox", ids,
                    "do not send data to this server; its operator can tell which layer is missing");
}

std::string render_probe(const std::string& title, const probe::Report& report, bool all, bool colour) {
  const auto style = [&](Outcome outcome) {
    if (!colour || outcome == Outcome::not_applicable) return fmt::text_style{};
    return fmt::fg(outcome == Outcome::escaped ? fmt::terminal_color::red : fmt::terminal_color::green);
  };
  std::string out =
      fmt::format("{}: {} blocked, {} escaped, {} not applicable\n", title, report.count(Outcome::blocked),
                  report.count(Outcome::escaped), report.count(Outcome::not_applicable));
  std::size_t width = 0;
  for (const probe::Attempt& one : report.attempts) width = std::max(width, one.id.size());
  for (const probe::Attempt& one : report.attempts) {
    if (!all && one.outcome != Outcome::escaped) continue;
    out += fmt::format("  {:<{}}  {}  {}{}\n", one.id, width,
                       fmt::format(style(one.outcome), "{:<14}", words(one.outcome)), verifier::printable(one.tries),
                       one.detail.empty() ? "" : " (" + verifier::printable(one.detail) + ")");
  }
  return out;
}

nlohmann::json probe_json(const probe::Report& report) {
  nlohmann::json attempts = nlohmann::json::array();
  for (const probe::Attempt& one : report.attempts) {
    attempts.push_back({{"id", one.id},
                        {"tries", one.tries},
                        {"outcome", std::string(probe::outcome_name(one.outcome))},
                        {"errno", one.error},
                        {"detail", one.detail}});
  }
  return {{"nonce", base::to_hex(report.nonce)},
          {"blocked", report.count(Outcome::blocked)},
          {"escaped", report.count(Outcome::escaped)},
          {"not_applicable", report.count(Outcome::not_applicable)},
          {"attempts", std::move(attempts)}};
}

}  // namespace blindbox::apps
