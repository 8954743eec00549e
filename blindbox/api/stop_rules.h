// SPDX-License-Identifier: Apache-2.0
// Where a completion in an editor ends, before the model thinks of it: a pure function over the growing text and what
// stands around the cursor. docs/api.md describes the rules for readers.
#pragma once

#include <cstddef>
#include <string_view>

namespace blindbox::api {

struct StopRules {
  // One line, where the cursor has more than closing brackets behind it on its line.
  bool line = false;
  // The block in which the cursor stands: a line that is indented less ends it, or the bracket that closes it; at the
  // top level, the second definition.
  bool block = false;
  // The text begins to repeat what follows the cursor.
  bool suffix = false;
  // Closing brackets and quotes that the cursor has behind it already.
  bool closers = false;
  // A whole statement: the first line end at which all brackets of the text are closed.
  bool statement = false;
  // A line that is indented by less than this many blanks ends the text (llama.cpp's n_indent); 0: none.
  unsigned indent = 0;

  [[nodiscard]] bool any() const { return line || block || suffix || closers || statement || indent > 0; }
  // What an editor wants that did not say: all but statement.
  [[nodiscard]] static StopRules editor() { return {true, true, true, true, false, 0}; }
};

struct StopVerdict {
  std::size_t safe = 0;   // bytes of the text that stay, whatever comes
  bool stop = false;      // nothing behind them stays
  std::string_view rule;  // which one said so
};

// text is everything that was said so far, whole UTF-8 characters. ended: nothing more comes; then all of text that stays
// is safe. cut: it ended at a limit, perhaps within a line.
[[nodiscard]] StopVerdict judge(const StopRules& rules, std::string_view prefix, std::string_view suffix,
                                std::string_view text, bool ended, bool cut = false);

}  // namespace blindbox::api
