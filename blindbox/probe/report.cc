// SPDX-License-Identifier: Apache-2.0
#include "blindbox/probe/report.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>

#include "blindbox/base/json_watch.h"

namespace blindbox::probe {
namespace {

using base::fail;
using nlohmann::json;

constexpr int kMaxDepth = 4;
constexpr std::size_t kMostText = 512;
constexpr int kMostErrno = 4095;

constexpr std::array kOutcomes = {Outcome::blocked, Outcome::escaped, Outcome::not_applicable};

tl::unexpected<Error> malformed(std::string detail) {
  return fail(ErrorKind::malformed, "malformed probe report", std::move(detail));
}

bool is_line(const std::string& text) {
  return text.size() <= kMostText && std::ranges::all_of(text, [](char c) { return c >= 0x20 && c < 0x7F; });
}

bool is_id(const std::string& text) {
  return !text.empty() && text.size() <= 64 &&
         text.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789._") == std::string::npos;
}

const std::string* text_of(const json& object, const char* key) {
  const auto found = object.find(key);
  return found == object.end() ? nullptr : found->get_ptr<const std::string*>();
}

Result<Attempt> attempt_of(const json& from) {
  if (!from.is_object() || from.size() != 5) return malformed("an attempt that has not its five keys");
  const std::string* const id = text_of(from, "id");
  const std::string* const tries = text_of(from, "tries");
  const std::string* const detail = text_of(from, "detail");
  const std::string* const outcome = text_of(from, "outcome");
  const auto error = from.find("errno");
  if (id == nullptr || !is_id(*id)) return malformed("an attempt without an id");
  if (tries == nullptr || detail == nullptr || !is_line(*tries) || !is_line(*detail)) {
    return malformed("texts of " + *id + " that are no lines of ASCII");
  }
  if (error == from.end() || !error->is_number_unsigned() || error->get<std::uint64_t>() > kMostErrno) {
    return malformed("an errno of " + *id + " that is no errno");
  }
  const auto known =
      std::ranges::find_if(kOutcomes, [&](Outcome one) { return outcome != nullptr && outcome_name(one) == *outcome; });
  if (known == kOutcomes.end()) return malformed("an outcome of " + *id + " that is unknown");
  return Attempt{*id, *tries, *known, error->get<int>(), *detail};
}

Result<Nonce> nonce_of(const json& root) {
  const std::string* const hex = text_of(root, "nonce");
  const auto bytes = hex == nullptr ? Result<Bytes>(Bytes{}) : base::from_hex(*hex);
  Nonce nonce{};
  if (!bytes || bytes->size() != nonce.size()) return malformed("a nonce that has not 32 bytes in hexadecimal");
  std::ranges::copy(*bytes, nonce.begin());
  return nonce;
}

Result<Report> report_of(const json& root) {
  if (!root.is_object() || root.size() != 3) return malformed("the keys are attempts, nonce and schema");
  const std::string* const schema = text_of(root, "schema");
  if (schema == nullptr || *schema != kReportSchema)
    return malformed("the schema is not " + std::string(kReportSchema));
  auto nonce = nonce_of(root);
  if (!nonce) return base::pass_on(nonce);
  Report report{*nonce, {}};
  const auto attempts = root.find("attempts");
  if (attempts == root.end() || !attempts->is_array() || attempts->empty()) return malformed("there are no attempts");
  if (attempts->size() > kMostAttempts) {
    return fail(ErrorKind::limit, "the probe report has more than " + std::to_string(kMostAttempts) + " attempts");
  }
  std::set<std::string> ids;
  for (const json& one : *attempts) {
    auto attempt = attempt_of(one);
    if (!attempt) return base::pass_on(attempt);
    if (!ids.insert(attempt->id).second) return malformed("the attempt " + attempt->id + " comes twice");
    report.attempts.push_back(std::move(*attempt));
  }
  return report;
}

}  // namespace

std::string_view outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::blocked: return "blocked";
    case Outcome::escaped: return "escaped";
    case Outcome::not_applicable: break;
  }
  return "not_applicable";
}

std::size_t Report::count(Outcome outcome) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(attempts, [&](const Attempt& one) { return one.outcome == outcome; }));
}

// nlohmann's objects are sorted by key, its integers are plain, and all texts are ASCII: that is RFC 8785's form.
std::string encode(const Report& report) {
  json attempts = json::array();
  for (const Attempt& one : report.attempts) {
    attempts.push_back({{"detail", one.detail},
                        {"errno", one.error},
                        {"id", one.id},
                        {"outcome", std::string(outcome_name(one.outcome))},
                        {"tries", one.tries}});
  }
  const json root = {
      {"attempts", std::move(attempts)}, {"nonce", base::to_hex(report.nonce)}, {"schema", std::string(kReportSchema)}};
  return root.dump();
}

Result<Report> decode(std::string_view text) {
  if (text.size() > kReportCap) {
    return fail(ErrorKind::limit, "the probe report is larger than " + std::to_string(kReportCap) + " bytes");
  }
  base::JsonWatch watch(kMaxDepth);
  const json root = json::parse(text, std::ref(watch), false);
  if (watch.key_twice() || watch.too_deep()) return malformed("a key that comes twice, or values nested too deep");
  if (root.is_discarded()) return malformed("not JSON");
  auto report = report_of(root);
  if (report && encode(*report) != text) return malformed("not in its canonical form");
  return report;
}

}  // namespace blindbox::probe
