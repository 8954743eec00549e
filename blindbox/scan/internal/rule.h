// SPDX-License-Identifier: Apache-2.0
// One rule of gitleaks and what it lets go again. Expressions are compiled once, when they are first needed.
#pragma once

#include <re2/re2.h>

#include <memory>
#include <mutex>

#include "blindbox/scan/rules.h"

namespace blindbox::scan::internal {

// Latin-1: a text need not be UTF-8, and every byte matches as itself.
[[nodiscard]] re2::RE2::Options expression_options();

class Expression {
 public:
  explicit Expression(std::string text) : text_(std::move(text)) {}
  [[nodiscard]] const re2::RE2& compiled() const {
    std::call_once(once_, [this] { compiled_ = std::make_unique<re2::RE2>(text_, expression_options()); });
    return *compiled_;
  }
  [[nodiscard]] Result<void> check() const;

 private:
  std::string text_;
  mutable std::once_flag once_;
  mutable std::unique_ptr<re2::RE2> compiled_;
};

struct Candidate {
  std::string_view secret, match, line;
};

struct Allowlist {
  enum class Target { secret, match, line } target = Target::secret;
  std::vector<std::unique_ptr<Expression>> regexes;
  std::vector<std::string> stopwords;  // lower case
  bool all = false;                    // both have to hold
  [[nodiscard]] bool allows(const Candidate& candidate) const;
};
using Allowlists = std::vector<Allowlist>;
[[nodiscard]] Result<void> check(const Allowlists& lists);

struct Rule {
  std::string id;
  std::unique_ptr<Expression> regex;  // absent in the line that holds for all
  std::vector<std::string> keywords;
  double entropy = 0;
  int secret_group = 0;  // 0: the first group that took part
  Allowlists allow;

  // Appends what it finds; lines are not counted yet.
  void find(std::string_view text, const Allowlists& everywhere, std::vector<Secret>& found) const;
  [[nodiscard]] Result<void> check() const;
};

[[nodiscard]] Result<std::unique_ptr<Rule>> parse_rule(std::string_view json);

}  // namespace blindbox::scan::internal
