// SPDX-License-Identifier: Apache-2.0
#include "blindbox/scan/body.h"

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>

#include "blindbox/base/half_characters.h"
#include "blindbox/scan/internal/edit.h"
#include "blindbox/scan/internal/strings.h"

namespace blindbox::scan {
namespace {

constexpr std::array kModes = {"off", "warn", "redact", "block"};
constexpr std::size_t kMostTold = 20;  // of one request's findings; the rest is counted by the redaction all the same

void tell(std::vector<Finding>& findings, Finding finding) {
  const auto same = [&](const Finding& other) {
    return other.rule == finding.rule && other.line == finding.line && other.place == finding.place;
  };
  if (findings.size() < kMostTold && std::ranges::none_of(findings, same)) findings.push_back(std::move(finding));
}

Error refusal(const std::vector<Finding>& findings, std::string hint) {
  std::string what = "the request holds what must not leave this machine";
  std::string detail;
  for (const Finding& finding : findings) {
    detail += (detail.empty() ? "" : ", ") + finding.rule;
    if (finding.line > 0) detail += " in line " + std::to_string(finding.line);
    if (!finding.place.empty()) detail += " of " + finding.place;
  }
  return {ErrorKind::forbidden, std::move(what), std::move(detail), std::move(hint)};
}

constexpr const char* kBlockHint = "nothing was sent; take it out of the text, or see --scan in blindbox(1)";

constexpr const char* kBrokenHint = "nothing was sent: what begins like JSON must be JSON, so that its files are known";

// broken: it means to be JSON, so nobody knows which files it holds.
Scanned scan_raw(std::string_view body, Mode mode, const Rules& rules, bool broken) {
  Scanned out;
  const auto found = rules.find(body);
  if (broken) tell(out.findings, {std::string(kUnreadableRule), 0, ""});
  for (const Secret& secret : found) tell(out.findings, {secret.rule, secret.line, ""});
  if (broken && mode != Mode::warn) {
    out.blocked = Error{ErrorKind::forbidden, "the request's body is no JSON that can be read", "", kBrokenHint};
    return out;
  }
  if (found.empty()) return out;
  if (mode == Mode::block) out.blocked = refusal(out.findings, kBlockHint);
  if (mode == Mode::redact) out.body = internal::redact(body, found);
  return out;
}

}  // namespace

std::optional<Mode> parse_mode(std::string_view text) {
  const auto at = std::ranges::find(kModes, text);
  if (at == kModes.end()) return std::nullopt;
  return static_cast<Mode>(at - kModes.begin());
}

const char* mode_name(Mode mode) { return kModes.at(static_cast<std::size_t>(mode)); }

Scanned scan_body(std::string_view body, std::string_view content_encoding, Mode mode, const Rules& rules,
                  IgnoreList& ignore) {
  if (mode == Mode::off || body.empty()) return {};
  if (!content_encoding.empty() && content_encoding != "identity") {
    Scanned out{{{std::string(kUnreadableRule), 0, ""}}, {}, {}};
    if (mode != Mode::warn) {
      out.blocked = Error{ErrorKind::forbidden, "the request's body is compressed and cannot be looked into", "",
                          "send it without Content-Encoding"};
    }
    return out;
  }
  // As the server reads it: what it takes must not pass unread here.
  const std::string mended = base::without_half_characters(body);
  if (!mended.empty()) body = mended;
  Scanned out;
  bool files = false, secrets = false;
  const bool is_json = internal::each_string(body, [&](const internal::JsonString& string) {
    if (string.names_file && ignore.ignores(string.text)) {
      files = true;
      tell(out.findings, {std::string(kIgnoredRule), 0, string.place()});
    }
    for (const Secret& secret : rules.find(string.text)) {
      secrets = true;
      tell(out.findings, {secret.rule, secret.line, string.place()});
    }
  });
  if (!is_json) {
    const char first = internal::first_of_json(body);
    return scan_raw(body, mode, rules, first == '{' || first == '[');
  }
  if (mode == Mode::block && (files || secrets)) {
    out.blocked = refusal(out.findings, kBlockHint);
  } else if (files || (secrets && mode == Mode::redact)) {
    out.body = internal::edited(body, mode == Mode::redact ? &rules : nullptr, ignore);
    if (!out.body) {
      out.blocked = refusal(out.findings, "nothing was sent: .blindboxignore names the very file that is worked on");
    }
  }
  return out;
}

std::string summary(const std::vector<Finding>& findings, Mode mode) {
  std::string out;
  for (const Finding& finding : findings) {
    out += out.empty() ? std::string(mode_name(mode)) + "; " : ", ";
    out += finding.rule + ":" + std::to_string(finding.line);
  }
  return out;
}

}  // namespace blindbox::scan
