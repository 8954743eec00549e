// SPDX-License-Identifier: Apache-2.0
// The only maker of verdicts.
#pragma once

#include "blindbox/verifier/internal/check.h"

namespace blindbox::verifier {

inline constexpr std::size_t kMostFindings = 96;  // there are not so many checks; more would only cost a move

class VerdictBuilder {
 public:
  explicit VerdictBuilder(base::Time now) {
    verdict_.judged_at_ = now;
    verdict_.findings_.reserve(kMostFindings);
  }

  void enter(Stage stage) { verdict_.reached_ = stage; }
  void emulated() { verdict_.emulated_ = true; }

  // Runs a check of the stage entered last, and tells whether it did not fail.
  template <typename Context>
  bool run(const internal::Check<Context>& check, const Context& context) {
    internal::Answer answer = check.judge(context);
    const bool good = answer.outcome != Outcome::failed;
    verdict_.findings_.push_back({.id = std::string(check.id),
                                  .stage = verdict_.reached_,
                                  .outcome = answer.outcome,
                                  .expected = std::move(answer.expected),
                                  .actual = std::move(answer.actual),
                                  .reference = check.reference,
                                  .failure = check.failure,
                                  .hint = check.hint,
                                  .purpose = check.purpose});
    return good;
  }

  [[nodiscard]] Verdict take() { return std::move(verdict_); }

 private:
  Verdict verdict_;
};

}  // namespace blindbox::verifier
