// SPDX-License-Identifier: Apache-2.0
// What the stop rules see of code without knowing its language: lines, indentation, brackets, quotes.
#pragma once

#include <cstddef>
#include <string_view>
#include <vector>

namespace blindbox::api::internal {

struct Line {
  std::size_t begin = 0;
  std::size_t end = 0;    // without the line break, of one byte or two
  bool complete = false;  // a line break follows
};

[[nodiscard]] std::vector<Line> lines_of(std::string_view text);
[[nodiscard]] std::string_view last_line(std::string_view text);
[[nodiscard]] std::string_view first_line(std::string_view text);

[[nodiscard]] std::string_view trimmed(std::string_view text);
[[nodiscard]] inline bool blank(std::string_view text) { return trimmed(text).empty(); }
// Blanks at its start; a tab counts as four.
[[nodiscard]] std::size_t indentation(std::string_view line);

[[nodiscard]] bool is_closer(char c);
// Nothing but closing brackets, quotes, separators and blanks.
[[nodiscard]] bool only_closers(std::string_view text);
// Nothing but what ends a statement or separates.
[[nodiscard]] bool only_punctuation(std::string_view text);
// How a line begins that only closes a block: a bracket, or end, fi, done, esac; "" for any other line.
[[nodiscard]] std::string_view closing_word(std::string_view line);
// A line that has just begun may become such a word.
[[nodiscard]] bool may_close(std::string_view line);
[[nodiscard]] bool opens_block(std::string_view line);
// Begins with what continues a block at its own indentation: else, except, catch ...
[[nodiscard]] bool continues_block(std::string_view line);

// Brackets outside of quotes. Quotes end with their line, so that an apostrophe in a comment costs that line alone.
struct Brackets {
  std::size_t open = 0;             // opened and not closed
  std::vector<std::size_t> closed;  // places of closing brackets that nothing here opened
};
[[nodiscard]] Brackets brackets_of(std::string_view text, char open_quote = '\0');

// The quote that is open at the end of a line; '\0' for none.
[[nodiscard]] char open_quote(std::string_view line);
// The quote of three that is open at the end of a line; "" for none.
[[nodiscard]] std::string_view open_triple_quote(std::string_view line);
// Within the braces of a template, `${` or f"{`.
[[nodiscard]] bool in_placeholder(std::string_view line);
// Where that quote ends in text, npos where it does not on its first line.
[[nodiscard]] std::size_t quote_end(std::string_view text, char quote);

}  // namespace blindbox::api::internal
