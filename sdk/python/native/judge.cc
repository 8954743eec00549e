// SPDX-License-Identifier: Apache-2.0
#include "judge.h"

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

#include "blindbox/verifier/verify.h"

namespace blindbox::python {
namespace {

constexpr std::size_t kReportData = 64;
constexpr std::size_t kHash = 32;  // what most callers put in, with zeros behind it

// Where the caller's bytes must be found: in an Azure VM's quote, because the paravisor fills REPORT_DATA; else there.
Result<void> expect_report_data(verifier::Subject& subject, const std::optional<Bytes>& report_data) {
  subject.freshness_not_requested = !report_data || subject.evidence.azure_vm.has_value();
  if (!report_data) return {};
  if (report_data->empty() || report_data->size() > kReportData) {
    return base::fail(ErrorKind::usage, "the report data has " + std::to_string(report_data->size()) + " bytes", "",
                      "give 1 to 64");
  }
  if (subject.evidence.azure_vm) {
    subject.expected_quote_data = *report_data;
    return {};
  }
  if (report_data->size() != kReportData && report_data->size() != kHash) {
    return base::fail(ErrorKind::usage, "the report data has " + std::to_string(report_data->size()) + " bytes", "",
                      "REPORT_DATA has 64; 32 are taken for those and 32 zeros");
  }
  std::ranges::copy(*report_data, subject.expected_report_data.emplace().begin());
  return {};
}

Result<evidence::Evidence> complete(const evidence::Evidence& evidence, const policy::Policy& policy,
                                    const session::Endorsements& endorsements) {
  auto completer = session::evidence_completer(endorsements, policy);
  if (!completer) return base::pass_on(completer);
  boost::asio::io_context io;
  std::optional<Result<evidence::Evidence>> completed;
  boost::asio::co_spawn(io, (*completer)(evidence),
                        [&completed](const std::exception_ptr& error, Result<evidence::Evidence> result) {
                          if (!error) completed = std::move(result);
                        });
  io.run();
  if (!completed) return base::fail(ErrorKind::internal, "fetching endorsements ended by an exception");
  return std::move(*completed);
}

}  // namespace

Judged judge_files(const FilesToJudge& files, const policy::Policy& policy) {
  Judged judged;
  auto intake = intake::read_sources(files.sources);
  if (!intake) {
    judged.error = intake.error();
    return judged;
  }
  verifier::Subject subject{.evidence = intake->evidence};
  if (!intake->manifest.empty()) {
    subject.manifest = intake->manifest;
    judged.notes.emplace_back(
        "the service manifest was saved with a bundle whose channel is gone: nothing vouches for it");
  }
  if (const auto expected = expect_report_data(subject, files.report_data); !expected) {
    judged.error = expected.error();
    return judged;
  }
  if (!files.report_data) {
    judged.notes.emplace_back(
        "freshness was not asked about: old evidence passes as new evidence does (report_data asks)");
  }
  for (const intake::Source& source : intake->sources) {
    if (source.ignored) judged.notes.push_back("left aside, and no part of the verdict: " + source.name);
  }
  judged.verdict = verifier::verify(subject, policy, files.at);
  // Nobody is asked for the endorsements of what cannot be read.
  if (judged.verdict->reached() != verifier::Stage::parse) {
    auto completed = complete(intake->evidence, policy, files.endorsements);
    if (!completed) {
      judged.verdict.reset();
      judged.error = completed.error();
      return judged;
    }
    intake->evidence = std::move(*completed);
    judged.verdict = verifier::verify(subject, policy, files.at);
  }
  if (!judged.verdict->accepted()) judged.error = judged.verdict->refusal();
  return judged;
}

}  // namespace blindbox::python
