// SPDX-License-Identifier: Apache-2.0
// When to ask again a server that was busy or out of order.
#pragma once

#include <string_view>

#include "blindbox/base/clock.h"
#include "blindbox/net/asio.h"

namespace blindbox::http {

// What a Retry-After asks for (RFC 9110, section 10.2.3), as seconds or as a date; 0 where it makes no sense, and never
// more than a day.
[[nodiscard]] std::chrono::seconds retry_after(std::string_view value, base::Time now);

// Between attempt (from 0) and the next: doubles from first to 16 times it, and varies by half (jitter is at least 0
// and less than 1), so that clients that failed together do not come back together.
[[nodiscard]] net::Duration backoff(unsigned attempt, double jitter,
                                    net::Duration first = std::chrono::milliseconds(500));

}  // namespace blindbox::http
