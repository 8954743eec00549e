// SPDX-License-Identifier: Apache-2.0
#include "blindbox/verifier/verdict.h"

#include <algorithm>

#include "blindbox/verifier/report_text.h"

namespace blindbox::verifier {

const char* stage_name(Stage stage) {
  switch (stage) {
    case Stage::parse: return "parse";
    case Stage::authenticate: return "authenticate";
    case Stage::appraise: return "appraise";
  }
  return "unknown";
}

const char* outcome_name(Outcome outcome) {
  switch (outcome) {
    case Outcome::passed: return "passed";
    case Outcome::failed: return "failed";
    case Outcome::not_requested: return "not_requested";
  }
  return "unknown";
}

std::vector<const Finding*> Verdict::failures() const {
  std::vector<const Finding*> failed;
  for (const Finding& finding : findings_) {
    if (finding.outcome == Outcome::failed) failed.push_back(&finding);
  }
  return failed;
}

bool Verdict::accepted() const {
  if (reached_ != Stage::appraise || !failures().empty()) return false;
  // "Nothing failed" is no reason to trust: something must have passed in every stage.
  const auto passed_in = [this](Stage stage) {
    return std::any_of(findings_.begin(), findings_.end(), [stage](const Finding& finding) {
      return finding.stage == stage && finding.outcome == Outcome::passed;
    });
  };
  return passed_in(Stage::parse) && passed_in(Stage::authenticate) && passed_in(Stage::appraise);
}

namespace {

ErrorKind refusal_kind(Stage stage) {
  switch (stage) {
    case Stage::parse: return ErrorKind::malformed;
    case Stage::authenticate: return ErrorKind::not_authentic;
    case Stage::appraise: return ErrorKind::not_acceptable;
  }
  return ErrorKind::internal;
}

}  // namespace

Error Verdict::refusal() const {
  const auto failed = failures();
  if (failed.empty()) {
    // Asked of an accepted verdict, or of one that judged nothing: the caller must not read it as a pass.
    return {ErrorKind::internal, accepted() ? "a refusal was asked of an accepted verdict" : "nothing was judged", "",
            ""};
  }
  const Finding& first = *failed.front();
  Error error;
  error.kind = refusal_kind(first.stage);
  error.what = first.failure.empty() ? first.id + " failed" : first.failure;
  for (const Finding* finding : failed) {
    if (!error.detail.empty()) error.detail += "\n  ";
    error.detail += finding->id + ": expected " + printable(shorten_hex(finding->expected)) + ", found " +
                    printable(shorten_hex(finding->actual));
  }
  error.hint = first.hint;
  return error;
}

}  // namespace blindbox::verifier
