// SPDX-License-Identifier: Apache-2.0
// What a pool does when nobody asks it to: verdicts are renewed before a request would have to wait for that, and a
// server that is away is looked for, ever more rarely.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>

#include "blindbox/http/retry.h"
#include "blindbox/net/await.h"
#include "blindbox/proxy/pool.h"

namespace blindbox::proxy {

namespace asio = net::asio;
using net::Task;
using std::chrono::steady_clock;

namespace {

double jitter() {
  const Bytes random = base::random_bytes(1);
  return static_cast<double>(std::to_integer<unsigned>(random[0])) / 256;
}

}  // namespace

// Runs while requests are held; what it finds wakes them.
Task<void> Pool::recover(std::shared_ptr<Pool> self) {
  asio::steady_timer timer(*self->executor_);
  for (unsigned attempt = 0;; ++attempt) {
    timer.expires_after(http::backoff(attempt, jitter(), self->options_.first_backoff));
    (void)co_await timer.async_wait(net::kAwait);
    // Looked at here and not before: whoever starts this begins to wait afterwards.
    if (self->paused_ || self->waiting_.empty()) break;
    auto connection = co_await self->connect();
    const bool over = connection || self->standing_ == Standing::refused;
    if (connection) self->give_back(std::move(*connection));
    if (over) break;
  }
  self->recovering_ = false;
  self->wake();
}

void Pool::start(const net::Executor& executor) {
  executor_ = executor;
  if (std::exchange(upkeep_, true)) return;
  asio::co_spawn(executor, look_after(weak_from_this(), executor, options_.upkeep), asio::detached);
}

void Pool::stop() {
  upkeep_ = false;
  idle_.clear();
}

// Holds the pool only while it works on it, so that its owner can end it at any time.
Task<void> Pool::look_after(std::weak_ptr<Pool> weak, net::Executor executor, net::Duration every) {
  asio::steady_timer timer(executor);
  while (true) {
    timer.expires_after(every);
    (void)co_await timer.async_wait(net::kAwait);
    const auto pool = weak.lock();
    if (!pool || !pool->upkeep_) co_return;
    co_await pool->upkeep_once();
  }
}

bool Pool::recently_used() const {
  constexpr auto kRecent = std::chrono::minutes(10);
  return steady_clock::now() - used_ < kRecent;
}

Task<void> Pool::upkeep_once() {
  if (paused_ || recovering_) co_return;
  std::erase_if(idle_, [](const Connection& connection) { return !connection->stream().quiet(); });
  // At four fifths of the time, so that requests find a verdict that holds; what is not needed to be warm is let go.
  const auto old = options_.attest_every * 4 / 5;
  std::deque<Connection> due;
  for (auto one = idle_.begin(); one != idle_.end();) {
    if (age(**one) < old) {
      ++one;
      continue;
    }
    if (due.empty()) due.push_back(std::move(*one));
    one = idle_.erase(one);
  }
  if (!due.empty()) {
    auto renewed = co_await renew(std::move(due.front()));
    if (renewed && *renewed) give_back(std::move(*renewed));
    if (!renewed) co_return;
  }
  const bool away = standing_ != Standing::accepted;
  const auto since = steady_clock::now() - attempted_;
  const bool verdict_old = !attestation_ || options_.now() - attestation_->at >= old;
  const bool look_again =
      away && !refusal_stands() && since >= std::max<steady_clock::duration>(options_.upkeep, std::chrono::seconds(10));
  const bool wanted = !away && idle_.empty() && leases_.empty() && (recently_used() || verdict_old);
  if (!look_again && !wanted) co_return;
  auto connection = co_await connect();
  if (connection) give_back(std::move(*connection));
}

// While a refusal stands, connections that were refused beside it count no more.
void Pool::refused() {
  constexpr unsigned kFree = 2;  // whoever mends a server tries it at once
  constexpr unsigned kMost = 6;
  constexpr net::Duration kLongest = std::chrono::seconds(20);
  const auto now = steady_clock::now();
  if (refusals_ > 0 && now < refused_until_) return;
  ++refusals_;
  refused_until_ = now;
  if (refusals_ <= kFree) return;
  refused_until_ += std::min(options_.first_refusal * (1U << std::min(refusals_ - kFree - 1, kMost)), kLongest);
}

bool Pool::refusal_stands() const {
  return standing_ == Standing::refused && error_ && idle_.empty() &&
         (judging_ || steady_clock::now() < refused_until_);
}

std::optional<std::chrono::seconds> Pool::retry_after() const {
  if (standing_ != Standing::refused) return std::nullopt;
  const auto left = std::chrono::ceil<std::chrono::seconds>(refused_until_ - steady_clock::now());
  return std::max(left, std::chrono::seconds(1));
}

void Pool::pause(bool on) {
  if (std::exchange(paused_, on) == on) return;
  since_ = options_.now();
  refused_until_ = {};  // whoever goes on wants to know
  if (on) {
    idle_.clear();
    cut_off({ErrorKind::platform, "the proxy was paused", "", ""});
    wake();
  }
  if (told_) told_();
}

Task<Result<void>> Pool::attest() {
  const auto self = shared_from_this();
  idle_.clear();
  auto connection = co_await connect();
  if (!connection) co_return base::pass_on(connection);
  give_back(std::move(*connection));
  co_return Result<void>{};
}

}  // namespace blindbox::proxy
