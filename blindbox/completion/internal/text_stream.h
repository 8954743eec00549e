// SPDX-License-Identifier: Apache-2.0
// From token pieces to text that may be shown: whole UTF-8 characters only, and nothing that may still turn out to be
// the beginning of a stop word.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace blindbox::completion {

class TextStream {
 public:
  explicit TextStream(std::vector<std::string> stop_words) : words_(std::move(stop_words)) {}

  // Takes the bytes of one token; returns what may be shown now. Bytes that no continuation can make valid become
  // U+FFFD.
  std::string push(std::string_view piece);
  // The generation ended: what was held back for a stop word that never came. An unfinished character is dropped.
  std::string finish();

  // The stop word that was met; empty until then. Text from its beginning on is never shown.
  [[nodiscard]] const std::string& stopped_by() const { return met_; }

 private:
  void take_characters(std::string_view piece);

  std::vector<std::string> words_;
  std::string bytes_;  // the beginning of a character
  std::string held_;   // whole characters, not shown yet
  std::string met_;
};

}  // namespace blindbox::completion
