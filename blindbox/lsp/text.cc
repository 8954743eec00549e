// SPDX-License-Identifier: Apache-2.0
#include "blindbox/lsp/text.h"

#include <algorithm>

namespace blindbox::lsp {
namespace {

constexpr auto kNone = std::string_view::npos;

// Octets of the character that begins with lead; RFC 3629.
std::size_t octets(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  if (byte < 0x80) return 1;
  if (byte < 0xE0) return 2;
  return byte < 0xF0 ? 3 : 4;
}

std::size_t units_of(std::size_t octets, Encoding encoding) {
  if (encoding == Encoding::utf8) return octets;
  return encoding == Encoding::utf16 && octets == 4 ? 2 : 1;
}

// The next \n or \r from begin on.
std::size_t find_break(std::string_view text, std::size_t begin) {
  const std::size_t feed = text.find('\n', begin);
  const std::size_t size = (feed == kNone ? text.size() : feed) - begin;
  const std::size_t carriage = text.substr(begin, size).find('\r');
  return carriage == kNone ? feed : begin + carriage;
}

std::size_t after_break(std::string_view text, std::size_t at) {
  return at + (text[at] == '\r' && at + 1 < text.size() && text[at + 1] == '\n' ? 2 : 1);
}

}  // namespace

std::size_t units(std::string_view text, Encoding encoding) {
  if (encoding == Encoding::utf8) return text.size();
  std::size_t count = 0;
  for (std::size_t at = 0; at < text.size(); at += octets(text[at])) count += units_of(octets(text[at]), encoding);
  return count;
}

std::size_t offset_at(std::string_view text, Position position, Encoding encoding) {
  std::size_t begin = 0;
  for (std::size_t line = 0; line < position.line; ++line) {
    const std::size_t at = find_break(text, begin);
    if (at == kNone) return text.size();
    begin = after_break(text, at);
  }
  const std::size_t end = std::min(find_break(text, begin), text.size());
  std::size_t left = position.character;
  std::size_t at = begin;
  while (at < end) {
    const std::size_t size = octets(text[at]);
    const std::size_t take = units_of(size, encoding);
    if (take > left || at + size > end) break;
    left -= take;
    at += size;
  }
  return at;
}

Position position_at(std::string_view text, std::size_t offset, Encoding encoding) {
  offset = std::min(offset, text.size());
  Position position;
  std::size_t begin = 0;
  while (true) {
    const std::size_t at = find_break(text, begin);
    if (at == kNone || after_break(text, at) > offset) break;
    begin = after_break(text, at);
    ++position.line;
  }
  const std::size_t end = std::min({find_break(text, begin), text.size(), offset});
  position.character = units(text.substr(begin, end - begin), encoding);
  return position;
}

std::size_t line_begin(std::string_view text, std::size_t offset) {
  if (offset == 0) return 0;
  const std::size_t at = text.find_last_of("\r\n", offset - 1);
  return at == kNone ? 0 : at + 1;
}

std::size_t line_end(std::string_view text, std::size_t offset) {
  return std::min(find_break(text, offset), text.size());
}

}  // namespace blindbox::lsp
