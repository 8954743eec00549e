// SPDX-License-Identifier: Apache-2.0
#include "blindbox/base/clock.h"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <optional>

namespace blindbox::base {

Time now() { return std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()); }

std::string to_iso8601(Time time) {
  const std::chrono::year_month_day date{std::chrono::floor<std::chrono::days>(time)};
  const std::chrono::hh_mm_ss clock{time - std::chrono::floor<std::chrono::days>(time)};
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), clock.hours().count(),
                     clock.minutes().count(), clock.seconds().count());
}

Result<Time> from_iso8601(std::string_view text) {
  int year = 0;
  unsigned month = 0, day = 0;
  int hour = 0, minute = 0, second = 0, used = 0;
  const std::string copy(text);
  const int fields =
      std::sscanf(copy.c_str(), "%4d-%2u-%2uT%2d:%2d:%2dZ%n", &year, &month, &day, &hour, &minute, &second, &used);
  const bool date_only = fields == 3 && copy.size() == 10;
  const bool full = fields == 6 && used == static_cast<int>(copy.size()) && used > 0;
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{month}, std::chrono::day{day}};
  if ((!date_only && !full) || !date.ok() || hour > 23 || minute > 59 || second > 59 || hour < 0 || minute < 0 ||
      second < 0) {
    return fail(ErrorKind::malformed, "not a time: " + copy, "", "write it as 2026-11-21T20:00:00Z");
  }
  return std::chrono::sys_days{date} + std::chrono::hours{hour} + std::chrono::minutes{minute} +
         std::chrono::seconds{second};
}

namespace {

constexpr std::size_t kSecondsEnd = 19;  // "2026-11-21T20:00:00"
constexpr std::size_t kMostDigits = 11;  // of Unix seconds: up to the year 5138

bool all_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// "Z" or "+02:00"; what to subtract.
std::optional<std::chrono::minutes> parse_offset(std::string_view text) {
  if (text == "Z" || text == "z") return std::chrono::minutes(0);
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') return std::nullopt;
  if (!all_digits(text.substr(1, 2)) || !all_digits(text.substr(4))) return std::nullopt;
  const int hours = (text[1] - '0') * 10 + (text[2] - '0');
  const int minutes = (text[4] - '0') * 10 + (text[5] - '0');
  if (hours > 23 || minutes > 59) return std::nullopt;
  const std::chrono::minutes offset(hours * 60 + minutes);
  return text[0] == '-' ? -offset : offset;
}

}  // namespace

Result<Time> parse_time(std::string_view text) {
  const auto wrong = [text] {
    return fail(ErrorKind::malformed, "not a time: " + std::string(text), "",
                "write it as 2026-11-21T20:00:00Z, 2026-11-21 or seconds since 1970");
  };
  if (all_digits(text)) {
    if (text.size() > kMostDigits) return wrong();
    return Time(std::chrono::seconds(std::stoll(std::string(text))));
  }
  if (text.size() <= kSecondsEnd) {
    auto date = from_iso8601(text);
    return date ? date : Result<Time>(wrong());
  }
  std::string whole(text.substr(0, kSecondsEnd));
  if (whole[10] == 't' || whole[10] == ' ') whole[10] = 'T';
  std::string_view rest = text.substr(kSecondsEnd);
  if (rest.starts_with('.')) {
    const auto fraction = std::min(rest.find_first_not_of("0123456789", 1), rest.size());
    if (fraction == 1) return wrong();
    rest.remove_prefix(fraction);
  }
  const auto offset = parse_offset(rest);
  auto time = from_iso8601(whole + "Z");
  if (!offset || !time) return wrong();
  return *time - *offset;
}

}  // namespace blindbox::base
