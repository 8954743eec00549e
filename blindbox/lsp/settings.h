// SPDX-License-Identifier: Apache-2.0
// What a person may set, under "blindbox" in an editor's settings; docs/editors.md lists them.
#pragma once

#include <chrono>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

namespace blindbox::lsp {

struct Settings {
  bool enabled = true;
  bool automatic = true;   // answer while someone types, not only when asked
  bool multi_line = true;  // suggestions of more than a line where the rest of the line is empty
  std::chrono::milliseconds debounce{150};
  std::chrono::milliseconds time_budget{2000};
  unsigned max_tokens = 128;
  std::size_t prefix_bytes = 16 * 1024;
  std::size_t suffix_bytes = 4 * 1024;
  std::size_t neighbour_bytes = 8 * 1024;  // of other open documents; 0 sends none
};

struct ReadSettings {
  Settings settings;
  std::vector<std::string> complaints;  // a sentence for each value that is not taken
};

// Values over before; what is missing stays, what is wrong stays too and is named. null changes nothing.
[[nodiscard]] ReadSettings read_settings(const nlohmann::json& values, Settings before);

}  // namespace blindbox::lsp
