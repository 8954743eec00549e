// SPDX-License-Identifier: Apache-2.0
#include "blindbox/base/half_characters.h"

#include <charconv>

namespace blindbox::base {
namespace {

// The four hexadecimal digits of an escape \\uXXXX at `at`; -1 where there is none.
int escaped_unit(std::string_view text, std::size_t at) {
  if (at + 6 > text.size() || text[at] != '\\' || text[at + 1] != 'u') return -1;
  int unit = 0;
  const auto read = std::from_chars(text.data() + at + 2, text.data() + at + 6, unit, 16);
  return read.ptr == text.data() + at + 6 && unit >= 0 ? unit : -1;
}

bool is_high(int unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool is_low(int unit) { return unit >= 0xDC00 && unit < 0xE000; }

}  // namespace

std::string without_half_characters(std::string_view text) {
  if (text.find("\\ud") == text.npos && text.find("\\uD") == text.npos) return {};
  std::string out(text);
  for (std::size_t at = out.find('\\'); at != std::string::npos; at = out.find('\\', at)) {
    const int unit = escaped_unit(out, at);
    if (is_high(unit) && is_low(escaped_unit(out, at + 6))) {
      at += 12;
    } else if (unit >= 0) {
      if (is_high(unit) || is_low(unit)) out.replace(at, 6, "\\ufffd");
      at += 6;
    } else {
      at += 2;  // an escape of one character, which may be a backslash
    }
  }
  return out;
}

}  // namespace blindbox::base
