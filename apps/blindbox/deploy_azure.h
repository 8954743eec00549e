// SPDX-License-Identifier: Apache-2.0
// What "blindbox deploy" has az, terraform, kubectl and helm do.
#pragma once

#include <optional>

#include "command.h"

namespace blindbox::apps {

struct Applying {
  std::string with;  // the tool; empty: the first that is installed
  std::string folder, name;
  std::optional<std::string> resource_group, resource_group_id, identity, location;
  std::string name_space = "default";
};

// ErrorKind::usage for what a tool needs and was not given, ErrorKind::io where none is installed or logged in.
[[nodiscard]] Result<void> apply_azure(const Applying& applying);
[[nodiscard]] Result<void> apply_kubernetes(const Applying& applying);

// Adds "status", "logs" and "delete" to the command "deploy".
void add_deploy_azure(CLI::App& command, Action& action);
// Adds "lint".
void add_deploy_lint(CLI::App& command, Action& action);

}  // namespace blindbox::apps
