// SPDX-License-Identifier: Apache-2.0
// Somebody else's program, such as az, found in PATH and run without a shell.
#pragma once

#include <string>
#include <vector>

#include "blindbox/base/result.h"

namespace blindbox::apps {

[[nodiscard]] bool is_installed(const std::string& program);

// Its standard streams are ours. ErrorKind::io where it cannot be started, and where it ends with another status than 0:
// what it has said to standard error is the reason.
[[nodiscard]] Result<void> run_tool(const std::vector<std::string>& arguments);

// The same, with what it writes to standard output, which is nothing of its standard input: at most 16 MiB.
[[nodiscard]] Result<std::string> ask_tool(const std::vector<std::string>& arguments);

}  // namespace blindbox::apps
