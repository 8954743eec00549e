// SPDX-License-Identifier: Apache-2.0
#include "blindbox/scan/internal/names.h"

#include <algorithm>
#include <filesystem>

namespace blindbox::scan::internal {
namespace {

constexpr std::size_t kMost = 32;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }

int hex_digit(char c) {
  if (is_digit(c)) return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

std::string normal(std::string text) {
  std::ranges::replace(text, '\\', '/');
  // Two slashes at the front have a meaning of their own to POSIX, and to nobody who names a file here.
  const auto first = std::min(text.find_first_not_of('/'), text.size());
  if (first > 1) text.erase(0, first - 1);
  std::string path = std::filesystem::path(text).lexically_normal().generic_string();
  while (path.starts_with("../")) path.erase(0, 3);
  if (path == "." || path == "..") return {};
  return path;
}

// The name without blanks and quotes around it.
std::string_view bare(std::string_view name) {
  constexpr std::string_view kAround = " \t\r\n\"'`<>";
  const auto first = name.find_first_not_of(kAround);
  if (first == std::string_view::npos) return {};
  return name.substr(first, name.find_last_not_of(kAround) - first + 1);
}

// "x.py:12", "x.py:12:5", "x.py:12-20", "x.py#L12-L20", "x.py#L12C5" and, of no decoration, the name itself.
std::string_view without_lines(std::string_view name) {
  const auto text = name.find_last_not_of("0123456789-,LlCc");
  if (text == std::string_view::npos || text == 0 || text + 1 == name.size()) return name;
  const bool lines = name[text] == ':' || name[text] == '#';
  return lines && std::ranges::any_of(name.substr(text), is_digit) ? name.substr(0, text) : name;
}

// "x.py (working tree)", "x.py [3]", "x.py(12,5)".
std::string_view without_brackets(std::string_view name) {
  const char open = name.ends_with(')') ? '(' : name.ends_with(']') ? '[' : '\0';
  const auto begin = open == '\0' ? std::string_view::npos : name.rfind(open);
  return begin == std::string_view::npos || begin == 0 ? name : bare(name.substr(0, begin));
}

// "scheme:" with what follows, without a query and a fragment; nullopt of a name without a scheme. A drive is none.
std::string_view after_scheme(std::string_view name) {
  const auto colon = name.find(':');
  if (colon == std::string_view::npos || colon < 2 || !is_letter(name.front())) return {};
  const auto plain = [](char c) { return is_letter(c) || is_digit(c) || c == '+' || c == '-' || c == '.'; };
  if (!std::ranges::all_of(name.substr(0, colon), plain) || !name.substr(colon + 1).starts_with('/')) return {};
  return name.substr(colon + 1, name.find_first_of("?#", colon) - colon - 1);
}

// From the third slash on: behind "//authority".
std::string_view after_authority(std::string_view text) {
  if (!text.starts_with("//")) return text;
  const auto slash = text.find('/', 2);
  return slash == std::string_view::npos ? std::string_view() : text.substr(slash);
}

class Names {
 public:
  void add(std::string_view text) {
    std::string path = normal(std::string(text));
    if (path.empty() || names_.size() >= kMost || std::ranges::find(names_, path) != names_.end()) return;
    names_.push_back(std::move(path));
  }
  // And what it is on the Linux side of a Windows machine: a drive below /mnt, or a share of the machine itself. Such names
  // lie in no folder here; as relative ones they meet the projects' patterns.
  void add_path(std::string_view text) {
    add(text);
    std::string path(text);
    std::ranges::replace(path, '\\', '/');
    const std::string_view rest = std::string_view(path).substr(path.starts_with('/') ? 1 : 0);
    if (rest.size() > 2 && is_letter(rest[0]) && rest[1] == ':') {
      std::string mounted = "/mnt/";
      mounted += static_cast<char>(rest[0] | 0x20);
      mounted.append("/").append(rest.substr(2));
      add(rest);
      add(rest.substr(2));
      add(mounted);
    }
    if (path.starts_with("//")) add(std::string_view(path).substr(std::min(path.find_first_not_of('/'), path.size())));
    if (path.starts_with("//wsl$/") || path.starts_with("//wsl.localhost/")) {
      const std::string_view share = after_authority(path);  // "/Debian/home/..."
      const auto slash = share.find('/', 1);
      if (slash != std::string_view::npos) add(share.substr(slash));
    }
  }
  std::vector<std::string> take() { return std::move(names_); }

 private:
  std::vector<std::string> names_;
};

}  // namespace

std::string percent_decoded(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool escaped =
        text[i] == '%' && i + 2 < text.size() && hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0;
    out += escaped ? static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2])) : text[i];
    if (escaped) i += 2;
  }
  return out;
}

std::vector<std::string> file_names(std::string_view name) {
  constexpr int kLayers = 5;  // "`x.py:12:5` (working tree) [2]"
  Names names;
  std::string_view left = name;
  for (int layer = 0; layer < kLayers; ++layer) {
    names.add_path(left);
    if (const auto rest = after_scheme(left); !rest.empty()) {
      const std::string decoded = percent_decoded(rest);
      names.add_path(after_authority(decoded));
      names.add(decoded);
    }
    const std::string_view before = left;
    left = without_brackets(without_lines(bare(left)));
    if (left == before) break;
  }
  return names.take();
}

}  // namespace blindbox::scan::internal
