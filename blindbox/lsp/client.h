// SPDX-License-Identifier: Apache-2.0
// What the editor said of itself when it started us (LSP 3.18, "Initialize Request").
#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <vector>

#include "blindbox/lsp/text.h"

namespace blindbox::lsp {

struct ClientTraits {
  Encoding encoding = Encoding::utf16;
  bool inline_completion = false;
  bool configuration = false;            // answers workspace/configuration
  bool registers_configuration = false;  // workspace/didChangeConfiguration, by registration
  std::vector<std::string> folders;      // paths
};

// Never fails: what is missing or wrong is not there.
[[nodiscard]] ClientTraits read_client(const nlohmann::json& params);
// The folders of workspace/didChangeWorkspaceFolders' or initialize's WorkspaceFolder array, as paths.
[[nodiscard]] std::vector<std::string> folder_paths(const nlohmann::json& folders);

// "/a b" of "file:///a%20b"; nullopt for another scheme, another host, or a path that holds a zero.
[[nodiscard]] std::optional<std::string> path_of(const std::string& uri);

// The protocol's word for an encoding.
[[nodiscard]] const char* encoding_name(Encoding encoding);

}  // namespace blindbox::lsp
