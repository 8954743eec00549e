// SPDX-License-Identifier: Apache-2.0
#include "blindbox/archive/numbers.h"

#include <charconv>

namespace blindbox::archive {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1000000000;
// Wraps around like the original's arithmetic.
std::int64_t add(std::int64_t a, std::int64_t b) {
  return static_cast<std::int64_t>(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

// Two's complement, most significant byte first; the first bit of all only says that this is base 256.
std::optional<std::int64_t> parse_base256(std::string_view field) {
  const bool negative = (static_cast<unsigned char>(field[0]) & 0x40U) != 0;
  const unsigned char invert = negative ? 0xff : 0;
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < field.size(); ++i) {
    unsigned char digit = static_cast<unsigned char>(field[i]) ^ invert;
    if (i == 0) digit &= 0x7f;
    if (value >> 56 != 0) return std::nullopt;
    value = value << 8 | digit;
  }
  if (value >> 63 != 0) return std::nullopt;
  return static_cast<std::int64_t>(negative ? ~value : value);
}

}  // namespace

std::optional<std::int64_t> parse_decimal(std::string_view text) {
  if (text.size() > 1 && text[0] == '+' && text[1] != '-') text.remove_prefix(1);
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::string_view until_nul(std::string_view field) { return field.substr(0, field.find('\0')); }

std::optional<std::int64_t> parse_octal(std::string_view field) {
  constexpr std::string_view kBlank(" \0", 2);
  const std::size_t begin = field.find_first_not_of(kBlank);
  if (begin == std::string_view::npos) return 0;
  const std::string_view digits = until_nul(field.substr(begin, field.find_last_not_of(kBlank) + 1 - begin));
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), value, 8);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  return static_cast<std::int64_t>(value);
}

std::optional<std::int64_t> parse_numeric(std::string_view field) {
  const bool base256 = !field.empty() && (static_cast<unsigned char>(field[0]) & 0x80U) != 0;
  return base256 ? parse_base256(field) : parse_octal(field);
}

Time Time::of(std::int64_t seconds, std::int64_t nanoseconds) {
  seconds = add(seconds, nanoseconds / kNanosecondsPerSecond);
  nanoseconds %= kNanosecondsPerSecond;
  if (nanoseconds < 0) {
    nanoseconds += kNanosecondsPerSecond;
    seconds = add(seconds, -1);
  }
  return {seconds, static_cast<std::uint32_t>(nanoseconds)};
}

std::optional<Time> parse_pax_time(std::string_view text) {
  const std::size_t point = text.find('.');
  const std::string_view whole = text.substr(0, point);
  const auto seconds = parse_decimal(whole);
  if (!seconds) return std::nullopt;
  const std::string_view fraction = point == std::string_view::npos ? "" : text.substr(point + 1);
  std::int64_t nanoseconds = 0;
  std::int64_t unit = kNanosecondsPerSecond / 10;
  for (const char digit : fraction) {
    if (digit < '0' || digit > '9') return std::nullopt;
    nanoseconds += unit * (digit - '0');
    unit /= 10;  // digits past the ninth count nothing
  }
  // "-0.5" is half a second before 1970.
  return Time::of(*seconds, whole.starts_with('-') ? -nanoseconds : nanoseconds);
}

}  // namespace blindbox::archive
