// SPDX-License-Identifier: Apache-2.0
// What a server says of its escape attempts: what is accepted is canonical, whole and says nothing that a terminal obeys;
// all else is refused as malformed or too large.
#include "blindbox/probe/report.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using blindbox::fuzz::must;
  namespace probe = blindbox::probe;
  const std::string_view text = blindbox::base::as_text(blindbox::fuzz::input(data, size));
  const auto report = probe::decode(text);
  if (!report) {
    must(report.error().kind == blindbox::ErrorKind::malformed || report.error().kind == blindbox::ErrorKind::limit,
         "a refusal is of the report");
    return 0;
  }
  must(probe::encode(*report) == text, "an accepted report is in its canonical form");
  must(!report->attempts.empty() && report->attempts.size() <= probe::kMostAttempts, "there are attempts, and a cap");
  std::size_t counted = 0;
  for (const auto one : {probe::Outcome::blocked, probe::Outcome::escaped, probe::Outcome::not_applicable})
    counted += report->count(one);
  must(counted == report->attempts.size(), "each attempt has one outcome");
  for (const auto& attempt : report->attempts) {
    for (const std::string* const line : {&attempt.id, &attempt.tries, &attempt.detail}) {
      for (const char c : *line) must(c >= 0x20 && c < 0x7F, "texts are lines of ASCII");
    }
  }
  return 0;
}
