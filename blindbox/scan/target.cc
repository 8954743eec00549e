// SPDX-License-Identifier: Apache-2.0
#include "blindbox/scan/target.h"

#include "blindbox/scan/internal/edit.h"
#include "blindbox/scan/internal/names.h"
#include "blindbox/scan/internal/strings.h"

namespace blindbox::scan {
namespace {

constexpr std::size_t kMostTold = 20;

void add(ScannedTarget& out, std::string_view rule, const std::string& place) {
  if (out.findings.size() < kMostTold) out.findings.push_back({std::string(rule), 0, place});
}

// The path without the secrets that stand in it; none where it holds none. Each part by itself: to many rules a slash
// belongs to whatever stands before it.
std::optional<std::string> clean_path(std::string_view path, const Rules& rules, ScannedTarget& out) {
  std::string clean;
  bool found = false;
  while (true) {
    const auto end = std::min(path.find('/'), path.size());
    const std::string part = internal::percent_decoded(path.substr(0, end));
    const auto secrets = rules.find(part);
    for (const Secret& secret : secrets) add(out, secret.rule, "the path");
    found = found || !secrets.empty();
    clean += secrets.empty() ? part : internal::redact(part, secrets);
    if (end == path.size()) break;
    clean += '/';
    path.remove_prefix(end + 1);
  }
  return found ? std::optional(std::move(clean)) : std::nullopt;
}

}  // namespace

ScannedTarget scan_target(std::string_view target, Mode mode, const Rules& rules, IgnoreList& ignore) {
  ScannedTarget out;
  if (mode == Mode::off) return out;
  const auto mark = std::min(target.find('?'), target.size());
  if (auto clean = clean_path(target.substr(0, mark), rules, out)) out.path = std::move(clean);
  bool files = false;
  std::string_view query = target.substr(std::min(mark + 1, target.size()));
  while (!query.empty()) {
    const auto end = std::min(query.find('&'), query.size());
    // "+" is a blank in forms, and itself elsewhere; in keys of base64 it is itself.
    const std::string member = internal::percent_decoded(query.substr(0, end));
    query.remove_prefix(std::min(end + 1, query.size()));
    const auto equals = member.find('=');
    const bool names_file = equals != std::string::npos && internal::names_file(member.substr(0, equals));
    if (names_file && ignore.ignores(std::string_view(member).substr(equals + 1))) {
      files = true;
      add(out, kIgnoredRule, "the query");
    }
    for (const Secret& secret : rules.find(member)) add(out, secret.rule, "the query");
  }
  if (!files && (out.findings.empty() || mode == Mode::warn)) return out;
  std::string detail;
  for (const Finding& one : out.findings) detail += (detail.empty() ? "" : ", ") + one.rule + " in " + one.place;
  out.blocked = Error{ErrorKind::forbidden, "the request's address holds what must not leave this machine", detail,
                      "nothing was sent; put it into the body or a field, or see --scan in blindbox(1)"};
  return out;
}

}  // namespace blindbox::scan
