// SPDX-License-Identifier: Apache-2.0
// How the passing of time is seen, waited for and limited; tests bring a time of their own, which needs no waiting.
#pragma once

#include <functional>

#include "blindbox/http/retry.h"
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

using http::backoff;
using http::retry_after;

}  // namespace blindbox::kds
