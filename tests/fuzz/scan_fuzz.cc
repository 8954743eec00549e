// SPDX-License-Identifier: Apache-2.0
// A redacted body holds none of the secrets that were found, and is JSON where it was; what means to be JSON and is none is
// refused instead; looking changes nothing.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "blindbox/scan/body.h"
#include "tests/fuzz/fuzz.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace blindbox;
  using fuzz::must;
  const std::string_view body = base::as_text(fuzz::input(data, size));
  static scan::IgnoreList none({}, {});
  const auto& rules = scan::Rules::built_in();
  const auto warned = scan::scan_body(body, "", scan::Mode::warn, rules, none);
  const auto redacted = scan::scan_body(body, "", scan::Mode::redact, rules, none);
  const auto blocked = scan::scan_body(body, "", scan::Mode::block, rules, none);
  must(!warned.body && !warned.blocked, "warn lets pass");
  must(warned.findings.empty() == redacted.findings.empty(), "modes find the same");
  must(warned.findings.empty() != blocked.blocked.has_value(), "block refuses what was found, and nothing else");
  const bool unreadable = std::ranges::any_of(
      warned.findings, [](const scan::Finding& finding) { return finding.rule == scan::kUnreadableRule; });
  must(redacted.blocked.has_value() == unreadable, "redact refuses what it cannot read, and nothing else");
  must(redacted.body.has_value() == (!redacted.findings.empty() && !unreadable),
       "redact changes what was found, and nothing else");
  if (redacted.body && nlohmann::json::accept(body)) must(nlohmann::json::accept(*redacted.body), "JSON stays JSON");
  for (const auto& finding : warned.findings)
    must(finding.line > 0 || finding.rule == scan::kUnreadableRule, "a finding has a line");
  return 0;
}
