// SPDX-License-Identifier: Apache-2.0
#include "blindbox/kds/pace.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <charconv>
#include <ctime>
#include <random>

#include "blindbox/net/await.h"

namespace blindbox::kds {
namespace {

using std::chrono::seconds;

constexpr seconds kLongestWait = std::chrono::hours(24);

net::Task<void> really_wait(net::Duration time) {
  net::asio::steady_timer timer(co_await net::asio::this_coro::executor, time);
  co_await timer.async_wait(net::kAwait);
}

}  // namespace

Pace real_pace() {
  const auto jitter = [] {
    thread_local std::mt19937 generator{std::random_device{}()};
    return std::uniform_real_distribution<double>(0, 1)(generator);
  };
  return {[] { return std::chrono::steady_clock::now(); }, really_wait, jitter};
}

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

net::Duration backoff(unsigned attempt, double jitter) {
  constexpr unsigned kMostDoublings = 4;
  const auto longest = std::chrono::milliseconds(500) * (1U << std::min(attempt, kMostDoublings));
  const auto length = static_cast<double>(longest.count()) * (0.5 + jitter / 2);
  return net::Duration(static_cast<net::Duration::rep>(length));
}

}  // namespace blindbox::kds
