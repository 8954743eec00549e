// SPDX-License-Identifier: Apache-2.0
// Numbers and times as tar archives write them. Where the formats leave a choice, it is the one of Go's archive/tar, by
// which containers are made.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace blindbox::archive {

// Decimal with an optional sign; nothing for anything else, or what does not fit.
[[nodiscard]] std::optional<std::int64_t> parse_decimal(std::string_view text);

// A header's field: octal digits within blanks and NULs, or base 256 where the first bit is set. An empty one is 0.
[[nodiscard]] std::optional<std::int64_t> parse_octal(std::string_view field);
[[nodiscard]] std::optional<std::int64_t> parse_numeric(std::string_view field);

// Up to the first NUL.
[[nodiscard]] std::string_view until_nul(std::string_view field);

// Seconds since 1970 and nanoseconds below 10^9. The default is year 1, which counts as "no time".
struct Time {
  static constexpr std::int64_t kYearOne = -62135596800;
  std::int64_t seconds = kYearOne;
  std::uint32_t nanoseconds = 0;

  // Nanoseconds of any sign and size are carried over into the seconds.
  static Time of(std::int64_t seconds, std::int64_t nanoseconds = 0);
};

// "seconds[.fraction]", POSIX pax, "pax Extended Header File Times".
[[nodiscard]] std::optional<Time> parse_pax_time(std::string_view text);

}  // namespace blindbox::archive
