// SPDX-License-Identifier: Apache-2.0
// One request's body: what it holds that should not leave, and what becomes of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/scan/ignore.h"
#include "blindbox/scan/rules.h"

namespace blindbox::scan {

enum class Mode { off, warn, redact, block };
[[nodiscard]] std::optional<Mode> parse_mode(std::string_view text);
[[nodiscard]] const char* mode_name(Mode mode);

// Never the secret itself.
struct Finding {
  std::string rule;      // of gitleaks, or "blindboxignore"
  std::size_t line = 0;  // within the text that holds it, from 1; 0 for an ignored file
  std::string place;     // the member that holds the text: "input_extra/2/text"; empty in a body that is no JSON
};
inline constexpr std::string_view kIgnoredRule = "blindboxignore";
inline constexpr std::string_view kUnreadableRule = "unreadable-body";

struct Scanned {
  std::vector<Finding> findings;
  std::optional<std::string> body;  // in place of the original
  std::optional<Error> blocked;     // ErrorKind::forbidden: the request must not leave
};

// Secrets are looked for in every string of a JSON body, member names included, and in the whole of any other body.
// warn lets them pass; redact puts "[redacted RULE]" in their place, and the JSON stays JSON; block refuses the request.
// A file that ignore names (members filename, filepath, relativepath, path, file, uri, in any writing) never leaves, whatever the mode but
// off: its object is taken out of its list, or, under block or where it is no part of a list, the request is refused.
// A body in a content coding cannot be read, nor what begins like JSON and is none: that is a finding, and refused by
// redact and block.
[[nodiscard]] Scanned scan_body(std::string_view body, std::string_view content_encoding, Mode mode, const Rules& rules,
                                IgnoreList& ignore);

// "warn; aws-access-token:12, github-pat:3": for a field of the answer. Empty without findings.
[[nodiscard]] std::string summary(const std::vector<Finding>& findings, Mode mode);

}  // namespace blindbox::scan
