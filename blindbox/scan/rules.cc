// SPDX-License-Identifier: Apache-2.0
#include "blindbox/scan/rules.h"

#include <re2/set.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "blindbox/scan/internal/rule.h"

namespace blindbox::scan {
namespace {

constexpr std::string_view kBuiltIn[] = {
#include "blindbox/scan/internal/rules.inc"
};
// What every assignment of a key looks like; where a rule of its own matches too, that one is told alone.
constexpr std::string_view kGeneric = "generic-api-key";

re2::RE2::Options literal_options() {
  auto options = internal::expression_options();
  options.set_literal(true);
  options.set_case_sensitive(false);
  return options;
}

bool overlap(const Secret& a, const Secret& b) { return a.offset < b.offset + b.size && b.offset < a.offset + a.size; }

}  // namespace

struct Rules::Set {
  std::vector<std::unique_ptr<internal::Rule>> rules;
  internal::Allowlists everywhere;
  std::vector<std::vector<std::size_t>> by_keyword;  // the rules that each keyword opens
  std::unique_ptr<re2::RE2::Set> keywords;
};

Rules::Rules(std::unique_ptr<Set> set) : set_(std::move(set)) {}
Rules::Rules(Rules&&) noexcept = default;
Rules::~Rules() = default;

Result<Rules> Rules::parse(const std::vector<std::string_view>& lines) {
  auto set = std::make_unique<Set>();
  set->keywords = std::make_unique<re2::RE2::Set>(literal_options(), re2::RE2::UNANCHORED);
  std::vector<std::string> known;
  for (std::size_t i = 0; i < lines.size(); ++i) {
    auto rule = internal::parse_rule(lines[i]);
    if (!rule) return base::pass_on(rule);
    if (i == 0) {
      set->everywhere = std::move((*rule)->allow);
      continue;
    }
    for (const std::string& keyword : (*rule)->keywords) {
      const auto at = static_cast<std::size_t>(std::ranges::find(known, keyword) - known.begin());
      if (at == known.size()) {
        known.push_back(keyword);
        set->by_keyword.emplace_back();
        if (set->keywords->Add(keyword, nullptr) < 0) return base::fail(ErrorKind::malformed, "a keyword is none");
      }
      set->by_keyword[at].push_back(set->rules.size());
    }
    set->rules.push_back(std::move(*rule));
  }
  if (set->rules.empty() || !set->keywords->Compile()) return base::fail(ErrorKind::malformed, "there are no rules");
  return Rules(std::move(set));
}

const Rules& Rules::built_in() {
  static const Rules rules = [] {
    auto parsed = parse({std::begin(kBuiltIn), std::end(kBuiltIn)});
    if (!parsed) std::abort();  // rules_test reads the same lines
    return std::move(*parsed);
  }();
  return rules;
}

std::vector<Secret> Rules::find(std::string_view text) const {
  std::vector<int> hits;
  if (!set_->keywords->Match(re2::StringPiece(text.data(), text.size()), &hits)) return {};
  std::vector<std::size_t> open;
  for (const int hit : hits) {
    const auto& rules = set_->by_keyword[static_cast<std::size_t>(hit)];
    open.insert(open.end(), rules.begin(), rules.end());
  }
  std::ranges::sort(open);
  open.erase(std::unique(open.begin(), open.end()), open.end());
  std::vector<Secret> found;
  for (const std::size_t rule : open) set_->rules[rule]->find(text, set_->everywhere, found);
  if (found.empty()) return found;
  std::erase_if(found, [all = found](const Secret& one) {
    return one.rule == kGeneric &&
           std::ranges::any_of(all, [&](const Secret& other) { return other.rule != kGeneric && overlap(one, other); });
  });
  std::ranges::stable_sort(found, {}, &Secret::offset);
  std::size_t line = 1, at = 0;
  for (Secret& secret : found) {
    line += static_cast<std::size_t>(std::count(text.begin() + static_cast<std::ptrdiff_t>(at),
                                                text.begin() + static_cast<std::ptrdiff_t>(secret.offset), '\n'));
    at = secret.offset;
    secret.line = line;
  }
  return found;
}

std::size_t Rules::size() const { return set_->rules.size(); }

Result<void> Rules::check() const {
  for (const auto& rule : set_->rules) {
    if (auto good = rule->check(); !good) return good;
  }
  return internal::check(set_->everywhere);
}

double shannon_entropy(std::string_view text) {
  std::array<std::size_t, 256> counts{};
  for (const char c : text) ++counts[static_cast<unsigned char>(c)];
  double bits = 0;
  for (const std::size_t count : counts) {
    if (count == 0) continue;
    const double share = static_cast<double>(count) / static_cast<double>(text.size());
    bits -= share * std::log2(share);
  }
  return bits;
}

}  // namespace blindbox::scan
