// SPDX-License-Identifier: Apache-2.0
#include "blindbox/scan/internal/rule.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

namespace blindbox::scan::internal {
namespace {

using nlohmann::json;
using re2::RE2;
using re2::StringPiece;

constexpr int kGroups = 20;  // of an expression, the whole match included
constexpr std::string_view kAllowed = "gitleaks:allow";

std::string_view text_of(const StringPiece& piece) { return {piece.data(), piece.size()}; }

std::string_view line_of(std::string_view text, std::size_t begin, std::size_t end) {
  const auto before = text.rfind('\n', begin == 0 ? 0 : begin - 1);
  const std::size_t from = begin == 0 || before == std::string_view::npos ? 0 : before + 1;
  return text.substr(from, std::min(text.find('\n', end), text.size()) - from);
}

Allowlist parse_allowlist(const json& from) {
  Allowlist list;
  const auto target = from.value("regexTarget", "secret");
  if (target == "match") list.target = Allowlist::Target::match;
  if (target == "line") list.target = Allowlist::Target::line;
  list.all = from.value("all", false);
  for (const auto& regex : from.value("regexes", json::array())) {
    list.regexes.push_back(std::make_unique<Expression>(regex.get<std::string>()));
  }
  list.stopwords = from.value("stopwords", std::vector<std::string>{});
  return list;
}

// A name tells which alternative it was, and is no secret: the whole match is.
std::string without_names(std::string regex) {
  static const RE2 named(R"((^|[^\\])\(\?P<\w+>)");
  while (RE2::GlobalReplace(&regex, named, R"(\1(?:)") > 0) {
  }
  return regex;
}

}  // namespace

re2::RE2::Options expression_options() {
  RE2::Options options(RE2::Latin1);
  options.set_log_errors(false);
  options.set_max_mem(std::int64_t{32} << 20);
  return options;
}

Result<void> Expression::check() const {
  const RE2& regex = compiled();
  if (regex.ok() && regex.NumberOfCapturingGroups() < kGroups) return {};
  return base::fail(ErrorKind::malformed, "not an expression: " + text_, regex.error());
}

bool Allowlist::allows(const Candidate& candidate) const {
  const std::string_view judged = target == Target::line    ? candidate.line
                                  : target == Target::match ? candidate.match
                                                            : candidate.secret;
  const StringPiece piece(judged.data(), judged.size());
  const bool matched =
      std::ranges::any_of(regexes, [&](const auto& regex) { return RE2::PartialMatch(piece, regex->compiled()); });
  if (matched != all || stopwords.empty()) return matched;  // else the stopwords decide
  std::string lower(candidate.secret);
  std::ranges::transform(lower, lower.begin(),
                         [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; });
  return std::ranges::any_of(stopwords, [&](const auto& word) { return lower.find(word) != std::string::npos; });
}

Result<void> check(const Allowlists& lists) {
  for (const Allowlist& list : lists) {
    for (const auto& regex : list.regexes) {
      if (auto good = regex->check(); !good) return good;
    }
  }
  return {};
}

void Rule::find(std::string_view text, const Allowlists& everywhere, std::vector<Secret>& found) const {
  const RE2& expression = regex->compiled();
  const int groups = std::min(expression.NumberOfCapturingGroups() + 1, kGroups);
  std::array<StringPiece, kGroups> group;
  const StringPiece whole(text.data(), text.size());
  std::size_t from = 0;
  while (from <= text.size() && expression.Match(whole, from, text.size(), RE2::UNANCHORED, group.data(), groups)) {
    const std::string_view match = text_of(group[0]);
    const auto begin = static_cast<std::size_t>(match.data() - text.data());
    from = std::max(begin + match.size(), from + (match.empty() ? 1 : 0));
    if (match.empty()) continue;
    std::string_view secret = match;
    for (int i = secret_group == 0 ? 1 : secret_group; i < groups; ++i) {
      secret = text_of(group[static_cast<std::size_t>(i)]);
      if (!secret.empty() || secret_group != 0) break;
    }
    if (secret.empty()) secret = match;
    const Candidate candidate{secret, match, line_of(text, begin, begin + match.size())};
    const auto lets_go = [&](const Allowlist& list) { return list.allows(candidate); };
    if (entropy > 0 && shannon_entropy(secret) <= entropy) continue;
    if (candidate.line.find(kAllowed) != std::string_view::npos) continue;
    if (std::ranges::any_of(everywhere, lets_go) || std::ranges::any_of(allow, lets_go)) continue;
    found.push_back({id, static_cast<std::size_t>(secret.data() - text.data()), secret.size(), 1});
  }
}

Result<void> Rule::check() const {
  if (auto good = regex->check(); !good) return good;
  return internal::check(allow);
}

Result<std::unique_ptr<Rule>> parse_rule(std::string_view text) {
  try {
    const json parsed = json::parse(text);
    auto rule = std::make_unique<Rule>();
    rule->id = parsed.value("id", "");
    if (parsed.contains("regex"))
      rule->regex = std::make_unique<Expression>(without_names(parsed["regex"].get<std::string>()));
    rule->keywords = parsed.value("keywords", std::vector<std::string>{});
    rule->entropy = parsed.value("entropy", 0.0);
    rule->secret_group = parsed.value("secretGroup", 0);
    for (const auto& list : parsed.value("allow", json::array())) rule->allow.push_back(parse_allowlist(list));
    return rule;
  } catch (const json::exception& error) {
    return base::fail(ErrorKind::malformed, "a rule is not what it should be", error.what());
  }
}

}  // namespace blindbox::scan::internal
