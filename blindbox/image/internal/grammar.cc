// SPDX-License-Identifier: Apache-2.0
#include "blindbox/image/internal/grammar.h"

#include <algorithm>
#include <charconv>
#include <cstdint>

namespace blindbox::image::internal {
namespace {

constexpr std::size_t kLongestName = 255;
constexpr std::size_t kLongestTag = 128;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_lower(char c) { return (c >= 'a' && c <= 'z') || is_digit(c); }
bool is_alphanumeric(char c) { return is_lower(c) || (c >= 'A' && c <= 'Z'); }

bool every(std::string_view text, bool (*is)(char)) { return std::all_of(text.begin(), text.end(), is); }

// Calls is for each part between separators; false where one is refused.
bool every_part(std::string_view text, char separator, bool (*is)(std::string_view)) {
  while (true) {
    const std::size_t end = text.find(separator);
    if (!is(text.substr(0, end))) return false;
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
}

// [a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*
bool is_component(std::string_view text) {
  if (text.empty() || !is_lower(text.front()) || !is_lower(text.back())) return false;
  for (std::size_t at = 0; at < text.size();) {
    if (is_lower(text[at])) {
      ++at;
      continue;
    }
    const std::string_view rest = text.substr(at);
    const auto run = static_cast<std::size_t>(
        std::find_if(rest.begin(), rest.end(), [&](char c) { return c != rest.front(); }) - rest.begin());
    const bool fits = rest.front() == '-' || (rest.front() == '.' && run == 1) || (rest.front() == '_' && run <= 2);
    if (!fits || !is_lower(rest[run])) return false;
    at += run;
  }
  return true;
}

bool is_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  return error == std::errc{} && end == text.data() + text.size() && port != 0;
}

bool is_domain_part(std::string_view text) {
  return !text.empty() && text.size() <= 63 && is_alphanumeric(text.front()) && is_alphanumeric(text.back()) &&
         every(text, [](char c) { return is_alphanumeric(c) || c == '-'; });
}

}  // namespace

bool is_repository(std::string_view text) { return text.size() <= kLongestName && every_part(text, '/', is_component); }

bool is_tag(std::string_view text) {
  return !text.empty() && text.size() <= kLongestTag && text.front() != '.' && text.front() != '-' &&
         every(text, [](char c) { return is_alphanumeric(c) || c == '_' || c == '.' || c == '-'; });
}

bool is_host(std::string_view text) {
  if (text.size() > kLongestName) return false;
  if (text.starts_with('[')) {
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos || end < 3) return false;
    const bool address = every(text.substr(1, end - 1), [](char c) {
      return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F') || c == ':' || c == '.';
    });
    const std::string_view rest = text.substr(end + 1);
    return address && (rest.empty() || (rest.front() == ':' && is_port(rest.substr(1))));
  }
  const std::size_t colon = text.find(':');
  if (colon != std::string_view::npos && !is_port(text.substr(colon + 1))) return false;
  return every_part(text.substr(0, colon), '.', is_domain_part);
}

bool is_ref_name(std::string_view text) {
  return !text.empty() && text.size() <= 2 * kLongestName && is_alphanumeric(text.front()) &&
         text.find("//") == std::string_view::npos && text.back() != '/' && every(text, [](char c) {
           return is_alphanumeric(c) || std::string_view("-._:@+/").find(c) != std::string_view::npos;
         });
}

}  // namespace blindbox::image::internal
