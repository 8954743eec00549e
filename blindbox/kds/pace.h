// SPDX-License-Identifier: Apache-2.0
// How the passing of time is seen, waited for and limited; tests bring a time of their own, which needs no waiting.
#pragma once

#include <functional>
#include <string_view>

#include "blindbox/base/clock.h"
#include "blindbox/net/asio.h"

namespace blindbox::kds {

using SteadyTime = std::chrono::steady_clock::time_point;

struct Pace {
  std::function<SteadyTime()> now;
  std::function<net::Task<void>(net::Duration)> wait;
  std::function<double()> jitter;  // at least 0, less than 1
};
[[nodiscard]] Pace real_pace();

struct Limits {
  net::Duration request = std::chrono::seconds(10);  // from connecting to the last byte of the answer
  net::Duration total = std::chrono::seconds(60);    // of all that one piece of evidence lacks, waiting included
  unsigned attempts = 4;                             // of one request
};

// Whom the service throttles sends at most one request in so long.
inline constexpr std::chrono::seconds kThrottled{10};

// What a Retry-After asks for (RFC 9110, section 10.2.3), as seconds or as a date; 0 where it makes no sense, and never
// more than a day.
[[nodiscard]] std::chrono::seconds retry_after(std::string_view value, base::Time now);

// Between attempt (from 0) and the next: doubles from half a second to eight, and varies by half, so that clients that
// failed together do not come back together.
[[nodiscard]] net::Duration backoff(unsigned attempt, double jitter);

}  // namespace blindbox::kds
