// SPDX-License-Identifier: Apache-2.0
// One completion, while it is made and after: what of it is still good once someone has typed on.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace blindbox::lsp {

class Suggestion {
 public:
  Suggestion(std::string before, std::string after) : before_(std::move(before)), after_(std::move(after)) {}

  void add(std::string_view piece) { text_ += piece; }
  // Nothing more comes; text is what is worth showing of it.
  void finish(std::string text) {
    text_ = std::move(text);
    finished_ = true;
  }
  [[nodiscard]] bool finished() const { return finished_; }
  [[nodiscard]] const std::string& text() const { return text_; }
  [[nodiscard]] const std::string& after() const { return after_; }

  // True when a hole between before and after can be filled with this: what was typed since agrees with it, and some of
  // it is or may still be left.
  [[nodiscard]] bool fits(std::string_view before, std::string_view after) const {
    if (after != after_ || !before.starts_with(before_)) return false;
    const std::string_view typed = before.substr(before_.size());
    if (std::string_view(text_).starts_with(typed)) return !finished_ || text_.size() > typed.size() || typed.empty();
    return !finished_ && typed.starts_with(text_);
  }
  // What is left of it for a hole that fits.
  [[nodiscard]] std::string rest(std::string_view before) const {
    const std::size_t typed = before.size() - before_.size();
    return typed < text_.size() ? text_.substr(typed) : std::string();
  }

 private:
  std::string before_;
  std::string after_;
  std::string text_;
  bool finished_ = false;
};

}  // namespace blindbox::lsp
