// SPDX-License-Identifier: Apache-2.0
#include "blindbox/scan/internal/glob.h"

#include <re2/re2.h>

namespace blindbox::scan::internal {
namespace {

std::string escaped_literal(char c) { return re2::RE2::QuoteMeta(re2::StringPiece(&c, 1)); }

// Trailing spaces go unless they are quoted by a backslash.
std::string_view trimmed(std::string_view line) {
  if (line.ends_with('\r')) line.remove_suffix(1);
  while (line.ends_with(' ')) {
    const auto text = line.substr(0, line.size() - 1);
    const auto last = text.find_last_not_of('\\');
    const std::size_t slashes = text.size() - (last == std::string_view::npos ? 0 : last + 1);
    if (slashes % 2 == 1) break;
    line = text;
  }
  return line;
}

// "[...]" from at on (behind the bracket); nullopt where it is never closed. A set never matches "/".
std::optional<std::string> read_set(std::string_view glob, std::size_t& at) {
  const bool inverted = at < glob.size() && (glob[at] == '!' || glob[at] == '^');
  if (inverted) ++at;
  std::string members;
  for (bool first = true;; first = false) {
    if (at >= glob.size()) return std::nullopt;
    char c = glob[at++];
    if (c == ']' && !first) break;
    if (c == '[' && at < glob.size() && glob[at] == ':') {
      const auto end = glob.find(":]", at);
      if (end == std::string_view::npos) return std::nullopt;
      members.append("[").append(glob.substr(at, end - at)).append(":]");
      at = end + 2;
      continue;
    }
    if (c == '\\') {
      if (at >= glob.size()) return std::nullopt;
      c = glob[at++];
    } else if (c == '-' && !members.empty() && at < glob.size() && glob[at] != ']') {
      members += '-';
      continue;
    }
    members += escaped_literal(c);
  }
  return inverted ? "[^/" + members + "]" : "[" + members + "]";
}

}  // namespace

std::optional<Glob> read_glob(std::string_view line) {
  line = trimmed(line);
  if (line.empty() || line.front() == '#') return std::nullopt;
  Glob out;
  if (line.front() == '!') {
    out.negated = true;
    line.remove_prefix(1);
  }
  if (line.ends_with('/')) {
    out.folders_only = true;
    line.remove_suffix(1);
  }
  if (line.empty()) return std::nullopt;
  const bool tied = line.find('/') != std::string_view::npos;
  if (line.front() == '/') line.remove_prefix(1);
  if (!tied) out.regex = "(?:.*/)?";
  for (std::size_t at = 0; at < line.size();) {
    const bool part_begins = at == 0 || line[at - 1] == '/';
    const char c = line[at++];
    if (c == '*' && part_begins && tied && line.substr(at - 1).starts_with("**/")) {
      out.regex += "(?:.*/)?";
      at += 2;
    } else if (c == '*' && part_begins && tied && line.substr(at - 1) == "**") {
      out.regex += ".+";
      at += 1;
    } else if (c == '*') {
      out.regex += "[^/]*";
    } else if (c == '?') {
      out.regex += "[^/]";
    } else if (c == '[') {
      const auto set = read_set(line, at);
      if (!set) return std::nullopt;
      out.regex += *set;
    } else if (c == '\\') {
      if (at >= line.size()) return std::nullopt;
      out.regex += escaped_literal(line[at++]);
    } else {
      out.regex += escaped_literal(c);
    }
  }
  return out;
}

}  // namespace blindbox::scan::internal
