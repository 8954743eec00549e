// SPDX-License-Identifier: Apache-2.0
// The rules for secrets, and where a text holds one. Semantics are gitleaks' own (detect/detect.go of the version that
// rules.inc names): keywords open a rule, its expression finds, entropy and allowlists let go again.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/base/result.h"

namespace blindbox::scan {

struct Secret {
  std::string rule;        // "aws-access-token"
  std::size_t offset = 0;  // of the secret in the text, in bytes
  std::size_t size = 0;
  std::size_t line = 1;
};

class Rules {
 public:
  // The built-in ones. Their expressions are compiled when their keywords are first met. Thread-safe.
  [[nodiscard]] static const Rules& built_in();

  // One rule a line as in rules.inc, the first what holds for all. ErrorKind::malformed for what is none.
  [[nodiscard]] static Result<Rules> parse(const std::vector<std::string_view>& lines);

  Rules(Rules&&) noexcept;
  Rules& operator=(Rules&&) = delete;
  ~Rules();

  // In the order of their places. Takes time linear in the text, whatever the text.
  [[nodiscard]] std::vector<Secret> find(std::string_view text) const;
  [[nodiscard]] std::size_t size() const;
  // Compiles every expression: ErrorKind::malformed with the first that is none.
  [[nodiscard]] Result<void> check() const;

 private:
  struct Set;
  explicit Rules(std::unique_ptr<Set> set);
  std::unique_ptr<Set> set_;
};

// Bits a character; 0 for no text.
[[nodiscard]] double shannon_entropy(std::string_view text);

}  // namespace blindbox::scan
