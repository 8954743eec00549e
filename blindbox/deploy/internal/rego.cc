// SPDX-License-Identifier: Apache-2.0
// What a container policy takes, read back out of its text: the values that Azure's tool writes, each on the line that
// names it. No evaluation.
#include <regex.h>

#include <algorithm>
#include <set>

#include "blindbox/base/json_watch.h"
#include "blindbox/deploy/internal/seen.h"

namespace blindbox::deploy::internal {
namespace {

constexpr std::size_t kPatternCap = 512;  // the C library compiles recursively, and repeats by copying
constexpr int kMaxDepth = 16;

// The JSON that begins at text: up to the bracket that closes the first.
std::string_view bracketed(std::string_view text) {
  int depth = 0;
  bool quoted = false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (quoted) {
      if (c == '\\') ++i;
      quoted = c != '"';
      continue;
    }
    if (c == '"') quoted = true;
    if (c == '[' || c == '{') ++depth;
    if ((c == ']' || c == '}') && --depth == 0) return text.substr(0, i + 1);
  }
  return {};
}

json value_of(std::string_view text, const std::string& name) {
  const std::string head = "\n" + name + " := ";
  const auto found = text.find(head);
  if (found == std::string_view::npos) return nullptr;
  const std::string_view rest = text.substr(found + head.size());
  if (rest.starts_with("true")) return true;
  if (rest.starts_with("false")) return false;
  base::JsonWatch watch(kMaxDepth);
  json value = json::parse(bracketed(rest), std::ref(watch), false);
  return value.is_discarded() ? json() : value;
}

// What may stand on a line of a policy: a value, a switch, or a point of enforcement left to the framework. A rule beside
// these can allow whatever the list of containers does not.
bool is_known(std::string_view line, std::set<std::string, std::less<>>& seen) {
  if (line == "package policy" || line == "import future.keywords.every" || line == "import future.keywords.in") {
    return true;
  }
  const auto assigned = line.find(" := ");
  if (assigned == std::string_view::npos) return false;
  const std::string_view name = line.substr(0, assigned), value = line.substr(assigned + 4);
  if (!seen.emplace(name).second) return false;
  if (name == "reason") return value == R"({"errors": data.framework.errors})";
  if (name == "api_version" || name == "framework_version") {
    return value.size() > 2 && value.find_first_not_of("0123456789.", 1) == value.size() - 1 && value.front() == '"' &&
           value.back() == '"';
  }
  if (name == "fragments" || name == "containers") return value == "[]";
  if (name.starts_with("allow_")) return value == "true" || value == "false";
  return value == "data.framework." + std::string(name);
}

// The text without what stands between the brackets of its two lists.
std::string without_lists(std::string_view text) {
  std::string out;
  for (const char* const head : {"\nfragments := ", "\ncontainers := "}) {
    const auto found = text.find(head);
    if (found == std::string_view::npos) continue;
    const auto begin = found + std::string_view(head).size();
    const auto list = bracketed(text.substr(begin));
    if (!list.starts_with('[')) continue;
    out += std::string(text.substr(0, begin)) + "[]";
    text.remove_prefix(begin + list.size());
  }
  return out + std::string(text);
}

std::vector<std::string> extra_lines(std::string_view text) {
  constexpr std::size_t kShown = 8, kLength = 60;
  std::vector<std::string> out;
  std::set<std::string, std::less<>> seen;
  const std::string rest = without_lists(text);
  for (std::size_t at = 0; at < rest.size() && out.size() < kShown;) {
    const auto end = std::min(rest.find('\n', at), rest.size());
    const std::string_view line = std::string_view(rest).substr(at, end - at);
    at = end + 1;
    const bool says = line.find_first_not_of(" \t\r") != std::string_view::npos && !line.starts_with('#');
    if (says && !is_known(line, seen)) out.emplace_back(line.substr(0, kLength));
  }
  return out;
}

std::vector<std::string> texts(const json& list) {
  std::vector<std::string> out;
  if (!list.is_array()) return out;
  for (const json& item : list) out.push_back(item.is_string() ? item.get<std::string>() : item.dump());
  return out;
}

RegoContainer container_of(const json& from) {
  RegoContainer out;
  if (at(from, "command").is_array()) out.command = texts(at(from, "command"));
  out.pause = out.command == std::vector<std::string>{"/pause"};
  if (at(from, "env_rules").is_array()) {
    for (const json& rule : at(from, "env_rules"))
      out.rules.emplace_back(text_at(rule, "strategy"), text_at(rule, "pattern"));
  }
  out.layers = texts(at(from, "layers"));
  if (at(from, "mounts").is_array()) {
    for (const json& mount : at(from, "mounts")) out.mounts.push_back(text_at(mount, "destination"));
  }
  out.elevated = at(from, "allow_elevated") == true;
  out.stdio = at(from, "allow_stdio_access") == true;
  out.no_new_privileges = at(from, "no_new_privileges") == true;
  out.processes = at(from, "exec_processes").is_array() && !at(from, "exec_processes").empty();
  return out;
}

// The C library turns x+ into xx*: a plus of a plus doubles what it compiles, a few dozen take all memory there is.
bool repeats_repeats(std::string_view pattern) {
  constexpr std::size_t kMost = 1;
  std::size_t found = 0;
  for (std::size_t i = 1; i < pattern.size(); ++i) {
    const std::string_view before = ")+*?";
    if (pattern[i] == '+' && before.find(pattern[i - 1]) != std::string_view::npos && ++found > kMost) return true;
  }
  return false;
}

// POSIX's extended expressions are what RE2's mostly are; "(?i)" alone is common and not among them.
std::optional<bool> expression(std::string pattern, const std::string& text) {
  int flags = REG_EXTENDED | REG_NOSUB;
  for (auto found = pattern.find("(?i)"); found != std::string::npos; found = pattern.find("(?i)")) {
    pattern.erase(found, 4);
    flags |= REG_ICASE;
  }
  if (pattern.size() > kPatternCap || text.size() > kPatternCap || pattern.find("(?") != std::string::npos ||
      pattern.find_first_of("\\{") != std::string::npos || repeats_repeats(pattern)) {
    return std::nullopt;
  }
  regex_t compiled{};
  if (::regcomp(&compiled, ("^(" + pattern + ")$").c_str(), flags) != 0) return std::nullopt;
  const int result = ::regexec(&compiled, text.c_str(), 0, nullptr, 0);
  ::regfree(&compiled);
  return result == 0;
}

}  // namespace

Result<Rego> read_rego(std::string_view text) {
  if (!text.starts_with("package policy")) {
    return base::fail(ErrorKind::malformed, "the policy does not begin with \"package policy\"");
  }
  Rego out;
  const json containers = value_of(text, "containers");
  if (!containers.is_array()) {
    return base::fail(ErrorKind::malformed, "the policy lists no containers in the form that is read here");
  }
  if (containers.size() > kMostContainers) {
    return base::fail(ErrorKind::limit,
                      "the policy lists more than " + std::to_string(kMostContainers) + " containers");
  }
  for (const json& container : containers) out.containers.push_back(container_of(container));
  const json fragments = value_of(text, "fragments");
  out.fragments = !(fragments.is_array() && fragments.empty());
  out.drops_variables = value_of(text, "allow_environment_variable_dropping") == true;
  for (const char* const name :
       {"allow_properties_access", "allow_dump_stacks", "allow_runtime_logging", "allow_unencrypted_scratch"}) {
    if (value_of(text, name) == true) out.open.emplace_back(name);
  }
  out.extra = extra_lines(text);
  return out;
}

std::optional<bool> matches(const std::pair<std::string, std::string>& rule, const std::string& name,
                            const std::optional<std::string>& value) {
  const auto& [strategy, pattern] = rule;
  if (strategy == "string") return value ? pattern == name + "=" + *value : pattern.starts_with(name + "=");
  if (value) return expression(pattern, name + "=" + *value);
  // Of a value that is not in the file the name alone can be compared.
  const auto equals = pattern.find('=');
  return equals == std::string::npos ? std::nullopt : expression(pattern.substr(0, equals), name);
}

}  // namespace blindbox::deploy::internal
