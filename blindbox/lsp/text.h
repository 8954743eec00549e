// SPDX-License-Identifier: Apache-2.0
// Positions in text as LSP counts them (LSP 3.18, "Text Documents", "Position"): lines end with \n, \r\n or \r, and a
// character is a code unit of the encoding that both sides agreed on.
#pragma once

#include <cstddef>
#include <string_view>

namespace blindbox::lsp {

enum class Encoding { utf8, utf16, utf32 };

struct Position {
  std::size_t line = 0;
  std::size_t character = 0;
  bool operator==(const Position&) const = default;
};

// The byte offset of a position. Past the end of its line it is that end, past the last line the end of the text, as the
// protocol wants; within a character it is that character's beginning. text is UTF-8.
[[nodiscard]] std::size_t offset_at(std::string_view text, Position position, Encoding encoding);
// The inverse, for an offset at the beginning of a character.
[[nodiscard]] Position position_at(std::string_view text, std::size_t offset, Encoding encoding);

// Code units that UTF-8 text takes.
[[nodiscard]] std::size_t units(std::string_view text, Encoding encoding);

// Where the line that holds offset begins and ends, its ending left out.
[[nodiscard]] std::size_t line_begin(std::string_view text, std::size_t offset);
[[nodiscard]] std::size_t line_end(std::string_view text, std::size_t offset);

}  // namespace blindbox::lsp
