// SPDX-License-Identifier: Apache-2.0
// Every string of a JSON text, as it is read: no tree, and of members that stand twice each is seen.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace blindbox::scan::internal {

inline constexpr std::size_t kDepth = 64;

// One level of what is open while a JSON text is read.
struct Level {
  bool list = false;
  std::string key;        // of an object: the member that is being read
  std::size_t index = 0;  // of a list
};

struct JsonString {
  std::string_view text;  // decoded
  bool names_file = false;
  const std::vector<Level>* path = nullptr;
  [[nodiscard]] std::string place() const;
};

// filename, filepath, relativepath, path, file, uri, in any writing: filePath and file_path too.
[[nodiscard]] bool names_file(std::string_view member);

// The first character that matters; 0 where there is none.
[[nodiscard]] char first_of_json(std::string_view text);

// False where the text is no JSON (RFC 8259, UTF-8) or deeper than kDepth; what was visited by then is void.
bool each_string(std::string_view json, const std::function<void(const JsonString&)>& visit);

}  // namespace blindbox::scan::internal
