// SPDX-License-Identifier: Apache-2.0
#include "blindbox/kds/pace.h"

#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <random>

#include "blindbox/net/await.h"

namespace blindbox::kds {
namespace {

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

}  // namespace blindbox::kds
