// SPDX-License-Identifier: Apache-2.0
// The files that a name in a request may mean. Clients decorate names: with a line, a state in brackets, a scheme, a drive.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace blindbox::scan::internal {

// "%41" is "A"; what is no such escape stays.
[[nodiscard]] std::string percent_decoded(std::string_view text);

// Plain paths, "." and ".." resolved as text, "/" between the parts: the name as it stands first, then without what may be
// decoration. It cannot be told from a part of the name, so whoever asks must ask for each. Empty where nothing is named;
// thirty-two at most.
[[nodiscard]] std::vector<std::string> file_names(std::string_view name);

}  // namespace blindbox::scan::internal
