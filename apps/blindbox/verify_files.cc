// SPDX-License-Identifier: Apache-2.0
#include "verify_files.h"

#include <algorithm>

#include "blindbox/verifier/verify.h"

namespace blindbox::apps {
namespace {

constexpr std::size_t kReportData = 64;
constexpr std::size_t kHash = 32;  // what most callers put in, with zeros behind it

// Where the caller's bytes must be found: in an Azure VM's quote, because the paravisor fills REPORT_DATA; else there.
Result<void> expect_report_data(verifier::Subject& subject, const std::optional<Bytes>& report_data) {
  subject.freshness_not_requested = !report_data || subject.evidence.azure_vm.has_value();
  if (!report_data) return {};
  if (subject.evidence.azure_vm) {
    subject.expected_quote_data = *report_data;
    return {};
  }
  if (report_data->size() != kReportData && report_data->size() != kHash) {
    return base::fail(ErrorKind::usage, "--report-data has " + std::to_string(report_data->size()) + " bytes", "",
                      "REPORT_DATA has 64; 32 are taken for those and 32 zeros");
  }
  std::ranges::copy(*report_data, subject.expected_report_data.emplace().begin());
  return {};
}

void note_left_aside(VerifyOutcome& outcome) {
  std::string names;
  for (const intake::Source& source : outcome.sources) {
    if (source.ignored) names += (names.empty() ? "" : ", ") + source.name;
  }
  if (!names.empty()) outcome.notes.push_back("left aside, and no part of the verdict: " + names);
}

}  // namespace

Result<VerifyOutcome> verify_files(const FilesToVerify& files, const policy::Policy& policy) {
  VerifyOutcome outcome{.subject = "the evidence",
                        .at = files.at,
                        .from_files = true,
                        .sources = {},
                        .verdict = std::nullopt,
                        .error = std::nullopt,
                        .notes = {}};
  auto intake = intake::read_sources(files.sources);
  if (!intake) {
    outcome.error = intake.error();
    return outcome;
  }
  outcome.sources = std::move(intake->sources);
  verifier::Subject subject{.evidence = intake->evidence};
  if (!intake->manifest.empty()) {
    subject.manifest = intake->manifest;
    outcome.notes.emplace_back(
        "the service manifest was saved with a bundle whose channel is gone: nothing vouches for what it says");
  }
  if (const auto expected = expect_report_data(subject, files.report_data); !expected) {
    return tl::unexpected<Error>(expected.error());
  }
  if (!files.report_data) {
    outcome.notes.emplace_back(
        "freshness was not asked about: old evidence passes as new evidence does (--report-data asks)");
  }
  note_left_aside(outcome);
  outcome.verdict = verifier::verify(subject, policy, files.at);
  // Nobody is asked for the endorsements of what cannot be read.
  if (outcome.verdict->reached() != verifier::Stage::parse) {
    if (auto completed = complete_evidence(intake->evidence, policy, files.endorsements); !completed) {
      outcome.verdict.reset();
      outcome.error = completed.error();
      return outcome;
    }
    outcome.verdict = verifier::verify(subject, policy, files.at);
  }
  if (!outcome.verdict->accepted()) outcome.error = outcome.verdict->refusal();
  outcome.evidence = std::move(intake->evidence);
  return outcome;
}

}  // namespace blindbox::apps
