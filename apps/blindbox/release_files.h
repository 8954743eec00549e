// SPDX-License-Identifier: Apache-2.0
// What the commands on signed files share.
#pragma once

#include "blindbox/release/release.h"
#include "command.h"

namespace blindbox::apps {

[[nodiscard]] Result<release::Document> read_document(const std::string& path);

// Every key file signs; written whole or not at all.
[[nodiscard]] Result<void> sign_and_write(release::Document& document, const std::vector<std::string>& key_files,
                                          const std::string& path);

// ErrorKind::io where the file is there: a signed file is not overwritten by mistake.
[[nodiscard]] Result<void> must_not_exist(const std::string& path);

// Adds "sign", "show", "trust" and "key" to the command "release".
void add_release_signing(CLI::App& command, Action& action);
void add_release_trust(CLI::App& command, Action& action);

}  // namespace blindbox::apps
