// SPDX-License-Identifier: Apache-2.0
#include "blindbox/lsp/client.h"

#include <array>
#include <cctype>

#include "blindbox/lsp/fields.h"

namespace blindbox::lsp {
namespace {

using nlohmann::json;

constexpr std::size_t kMostFolders = 256;
// Bytes first: our text is UTF-8, and every other encoding has to be counted.
constexpr std::array kEncodings = {std::pair{Encoding::utf8, "utf-8"}, std::pair{Encoding::utf32, "utf-32"},
                                   std::pair{Encoding::utf16, "utf-16"}};

// Without general.positionEncodings it is UTF-16, which every client must have.
Encoding choose_encoding(const json& offered) {
  if (!offered.is_array()) return Encoding::utf16;
  for (const auto& [encoding, name] : kEncodings) {
    for (const json& one : offered) {
      if (one == name) return encoding;
    }
  }
  return Encoding::utf16;
}

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

}  // namespace

const char* encoding_name(Encoding encoding) {
  for (const auto& [known, name] : kEncodings) {
    if (known == encoding) return name;
  }
  return "utf-16";
}

std::optional<std::string> path_of(const std::string& uri) {
  constexpr std::string_view kScheme = "file://";
  if (!uri.starts_with(kScheme)) return std::nullopt;
  std::string_view rest = std::string_view(uri).substr(kScheme.size());
  if (rest.starts_with("localhost/")) rest.remove_prefix(9);
  if (!rest.starts_with('/')) return std::nullopt;
  std::string path;
  for (std::size_t i = 0; i < rest.size(); ++i) {
    const bool escaped =
        rest[i] == '%' && i + 2 < rest.size() && hex_digit(rest[i + 1]) >= 0 && hex_digit(rest[i + 2]) >= 0;
    path += escaped ? static_cast<char>(hex_digit(rest[i + 1]) * 16 + hex_digit(rest[i + 2])) : rest[i];
    if (escaped) i += 2;
    if (path.back() == '\0') return std::nullopt;
  }
  return path;
}

std::vector<std::string> folder_paths(const json& folders) {
  std::vector<std::string> paths;
  if (!folders.is_array()) return paths;
  for (const json& folder : folders) {
    const auto uri = text_of(member(folder, "uri"));
    auto path = uri ? path_of(*uri) : std::nullopt;
    if (!path || paths.size() == kMostFolders) continue;
    while (path->size() > 1 && path->back() == '/') path->pop_back();
    paths.push_back(std::move(*path));
  }
  return paths;
}

ClientTraits read_client(const json& params) {
  ClientTraits traits;
  const json& capabilities = member(params, "capabilities");
  const json& workspace = member(capabilities, "workspace");
  traits.encoding = choose_encoding(member(member(capabilities, "general"), "positionEncodings"));
  traits.inline_completion = member(member(capabilities, "textDocument"), "inlineCompletion").is_object();
  traits.configuration = member(workspace, "configuration") == true;
  traits.registers_configuration = member(member(workspace, "didChangeConfiguration"), "dynamicRegistration") == true;
  traits.folders = folder_paths(member(params, "workspaceFolders"));
  if (traits.folders.empty()) traits.folders = folder_paths(json::array({{{"uri", member(params, "rootUri")}}}));
  const auto root = text_of(member(params, "rootPath"));
  if (traits.folders.empty() && root && root->starts_with('/')) traits.folders.push_back(*root);
  return traits;
}

}  // namespace blindbox::lsp
