// SPDX-License-Identifier: Apache-2.0
#include "blindbox/http/retry.h"

#include <algorithm>
#include <charconv>
#include <ctime>
#include <string>

namespace blindbox::http {
namespace {

using std::chrono::seconds;

constexpr seconds kLongestWait = std::chrono::hours(24);

}  // namespace

std::chrono::seconds retry_after(std::string_view value, base::Time now) {
  seconds::rep count = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), count);
  if (error == std::errc::result_out_of_range) return kLongestWait;
  if (error == std::errc{} && end == value.data() + value.size()) {
    return std::clamp(seconds(std::min(count, kLongestWait.count())), seconds(0), kLongestWait);
  }
  std::tm date{};
  const std::string text(value);
  const char* rest = ::strptime(text.c_str(), "%a, %d %b %Y %H:%M:%S GMT", &date);
  if (rest == nullptr || *rest != '\0') return seconds(0);
  const base::Time then{seconds(::timegm(&date))};
  return std::clamp(then - now, seconds(0), kLongestWait);
}

net::Duration backoff(unsigned attempt, double jitter, net::Duration first) {
  constexpr unsigned kMostDoublings = 4;
  const auto longest = first * (1U << std::min(attempt, kMostDoublings));
  const auto length = static_cast<double>(longest.count()) * (0.5 + jitter / 2);
  return net::Duration(static_cast<net::Duration::rep>(length));
}

}  // namespace blindbox::http
