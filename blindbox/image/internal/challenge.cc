// SPDX-License-Identifier: Apache-2.0
#include "blindbox/image/internal/challenge.h"

#include <algorithm>
#include <optional>

namespace blindbox::image::internal {
namespace {

class Words {
 public:
  explicit Words(std::string_view rest) : rest_(rest) {}

  void skip(std::string_view characters) {
    rest_.remove_prefix(std::min(rest_.find_first_not_of(characters), rest_.size()));
  }
  [[nodiscard]] bool at_end() const { return rest_.empty(); }
  bool take(char c) {
    if (rest_.empty() || rest_.front() != c) return false;
    rest_.remove_prefix(1);
    return true;
  }
  std::string token() {
    const std::size_t end = std::min(rest_.find_first_of(" \t,=\""), rest_.size());
    std::string out(rest_.substr(0, end));
    rest_.remove_prefix(end);
    return out;
  }
  // A token or a quoted string; nothing where its end is missing.
  std::optional<std::string> value() {
    if (!take('"')) return token();
    std::string out;
    while (!rest_.empty() && rest_.front() != '"') {
      if (rest_.front() == '\\') rest_.remove_prefix(1);
      if (rest_.empty()) return std::nullopt;
      out += rest_.front();
      rest_.remove_prefix(1);
    }
    return take('"') ? std::optional(out) : std::nullopt;
  }

 private:
  std::string_view rest_;
};

std::string lower(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return text;
}

}  // namespace

std::vector<Challenge> parse_challenges(std::string_view field) {
  std::vector<Challenge> out;
  Words words(field);
  while (true) {
    words.skip(" \t,");
    if (words.at_end()) return out;
    const std::string word = words.token();
    words.skip(" \t");
    if (!words.take('=')) {
      if (word.empty()) return out;
      out.push_back({lower(word)});
      continue;
    }
    words.skip(" \t");
    auto value = words.value();
    if (!value || out.empty()) return out;
    out.back().parameters.emplace(lower(word), std::move(*value));
  }
}

}  // namespace blindbox::image::internal
