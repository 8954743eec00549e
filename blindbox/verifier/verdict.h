// SPDX-License-Identifier: Apache-2.0
// What verification found, check by check, and the one question that a gate asks of it.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "blindbox/base/clock.h"

namespace blindbox::verifier {

// parse -> authenticate -> appraise: a stage starts when the one before it passed.
enum class Stage { parse, authenticate, appraise };
[[nodiscard]] const char* stage_name(Stage stage);

// not_requested: the policy asks for nothing here. Printed, never counted as a pass.
enum class Outcome { passed, failed, not_requested };
[[nodiscard]] const char* outcome_name(Outcome outcome);

// The views are of the program's own constants: a verdict copies what it found, not what it is about.
struct Finding {
  std::string id;  // "sev_snp.policy.debug_disabled"
  Stage stage = Stage::parse;
  Outcome outcome = Outcome::failed;
  std::string expected;
  std::string actual;
  std::string_view reference;  // document, section or table
  std::string_view failure;    // what a failure means, for an error's first line: "the guest can be debugged"
  std::string_view hint;       // what to do about a failure; may be empty
  std::string_view purpose;    // what the check prevents, as one sentence
};

class Verdict {
 public:
  // A non-empty list, every required check passed, none failed, and appraisal was reached.
  [[nodiscard]] bool accepted() const;
  [[nodiscard]] const std::vector<Finding>& findings() const { return findings_; }
  [[nodiscard]] std::vector<const Finding*> failures() const;
  // True when the chain ends at an emulator's root that the policy trusts by name: NOT a TEE.
  [[nodiscard]] bool emulated() const { return emulated_; }
  [[nodiscard]] Stage reached() const { return reached_; }
  [[nodiscard]] base::Time judged_at() const { return judged_at_; }

  // The error that a refusal turns into: names every failed check, what was expected and found.
  [[nodiscard]] Error refusal() const;

 private:
  friend class VerdictBuilder;
  Verdict() = default;
  std::vector<Finding> findings_;
  Stage reached_ = Stage::parse;
  bool emulated_ = false;
  base::Time judged_at_{};
};

}  // namespace blindbox::verifier
