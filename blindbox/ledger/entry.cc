// SPDX-License-Identifier: Apache-2.0
#include "blindbox/ledger/entry.h"

#include <nlohmann/json.hpp>

#include "blindbox/base/clock.h"
#include "blindbox/ledger/internal/quick_entry.h"

namespace blindbox::ledger {

using nlohmann::json;
using Ordered = nlohmann::ordered_json;

namespace {

constexpr std::size_t kMostFindings = 64;

template <typename Json>
Json make(const Entry& entry) {
  return Json{{"time", to_text(entry.time)}, {"id", entry.id},
              {"server", entry.server},      {"verdict", entry.verdict},
              {"method", entry.method},      {"path", entry.path},
              {"status", entry.status},      {"bytes_out", entry.bytes_out},
              {"bytes_in", entry.bytes_in},  {"sha256", entry.sha256},
              {"outcome", entry.outcome},    {"findings", entry.findings}};
}

}  // namespace

json to_json(const Entry& entry) { return make<json>(entry); }

std::string write_entry(const Entry& entry) {
  return make<Ordered>(entry).dump(-1, ' ', false, Ordered::error_handler_t::replace);
}

Result<Entry> read_entry(std::string_view line) {
  if (auto quick = internal::read_quickly(line)) return std::move(*quick);
  try {
    const json from = json::parse(line);
    Entry entry;
    auto time = parse_time(from.at("time").get<std::string>());
    if (!time) return base::pass_on(time);
    entry.time = *time;
    entry.id = from.value("id", "");
    entry.server = from.value("server", "");
    entry.verdict = from.value("verdict", "");
    entry.method = from.value("method", "");
    entry.path = from.value("path", "");
    entry.status = from.value("status", 0U);
    entry.bytes_out = from.value("bytes_out", std::uint64_t{0});
    entry.bytes_in = from.value("bytes_in", std::uint64_t{0});
    entry.sha256 = from.value("sha256", "");
    entry.outcome = from.value("outcome", "");
    entry.findings = from.value("findings", std::vector<std::string>{});
    if (entry.findings.size() > kMostFindings) entry.findings.resize(kMostFindings);
    return entry;
  } catch (const json::exception&) {
    return base::fail(ErrorKind::malformed, "a line of the ledger is not an entry");
  }
}

std::string to_text(Time time) {
  const auto seconds = std::chrono::floor<std::chrono::seconds>(time);
  std::string text = base::to_iso8601(seconds);
  std::string fraction = std::to_string((time - seconds).count());
  fraction.insert(0, 6 - fraction.size(), '0');
  text.insert(text.size() - 1, "." + fraction);
  return text;
}

Result<Time> parse_time(std::string_view text) {
  auto seconds = base::parse_time(text);
  if (!seconds) return base::pass_on(seconds);
  Time time = *seconds;
  const auto point = text.find('.');
  if (point == std::string_view::npos) return time;
  std::int64_t unit = 100'000;
  for (std::size_t i = point + 1; i < text.size() && text[i] >= '0' && text[i] <= '9'; ++i, unit /= 10) {
    time += std::chrono::microseconds((text[i] - '0') * unit);
  }
  return time;
}

void Sums::add(const Entry& entry) {
  ++requests;
  bytes_out += entry.bytes_out;
  bytes_in += entry.bytes_in;
  if (entry.outcome == "refused" || entry.outcome == "blocked") ++refused;
}

void Sums::add(const Sums& other) {
  requests += other.requests;
  bytes_out += other.bytes_out;
  bytes_in += other.bytes_in;
  refused += other.refused;
}

}  // namespace blindbox::ledger
