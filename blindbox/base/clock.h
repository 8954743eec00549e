// SPDX-License-Identifier: Apache-2.0
// Time is a value that comes in as an argument; only apps and connections read a clock.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "blindbox/base/result.h"

namespace blindbox::base {

using Time = std::chrono::sys_seconds;

[[nodiscard]] Time now();

// "2026-11-21T20:00:00Z" and back; also a plain date, meaning its midnight. Otherwise malformed.
[[nodiscard]] std::string to_iso8601(Time time);
[[nodiscard]] Result<Time> from_iso8601(std::string_view text);

// What a person types: RFC 3339 (any offset, fractions of a second cut off, T or a space), a plain date, or the seconds
// since 1970 in digits. Otherwise malformed.
[[nodiscard]] Result<Time> parse_time(std::string_view text);

}  // namespace blindbox::base
