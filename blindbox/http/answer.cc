// SPDX-License-Identifier: Apache-2.0
#include <boost/asio/post.hpp>
#include <utility>

#include "blindbox/http/internal/answer.h"
#include "blindbox/net/await.h"

namespace blindbox::http::internal {
namespace {

// A handler that is ahead of its client by more than this waits.
constexpr std::size_t kPending = 256 * 1024;

}  // namespace

Answer::Answer(const net::Executor& executor) : news_(executor, net::asio::steady_timer::time_point::max()) {}

void Answer::respond(Response response) {
  {
    const std::scoped_lock lock(mutex_);
    if (std::exchange(answered_, true)) return;
    step_.response = std::move(response);
  }
  wake();
}

void Answer::begin_stream(unsigned status, std::string content_type) {
  {
    const std::scoped_lock lock(mutex_);
    if (std::exchange(answered_, true)) return;
    step_.stream_status = status;
    step_.content_type = std::move(content_type);
  }
  wake();
}

bool Answer::write(std::string chunk) {
  {
    std::unique_lock lock(mutex_);
    taken_.wait(lock, [this] { return abandoned_ || step_.chunk.size() < kPending; });
    if (abandoned_) return false;
    step_.chunk += chunk;
  }
  wake();
  return true;
}

void Answer::end() {
  {
    const std::scoped_lock lock(mutex_);
    step_.ended = true;
  }
  wake();
}

void Answer::break_off() {
  {
    const std::scoped_lock lock(mutex_);
    step_.ended = step_.broken = true;
  }
  wake();
}

net::Task<Answer::Step> Answer::next() {
  while (true) {
    {
      const std::scoped_lock lock(mutex_);
      if (step_.response || step_.stream_status != 0 || !step_.chunk.empty() || step_.ended) {
        Step step = std::exchange(step_, Step{});
        step_.ended = step.ended;
        taken_.notify_all();
        co_return step;
      }
    }
    co_await news_.async_wait(net::kAwait);
    news_.expires_at(net::asio::steady_timer::time_point::max());
  }
}

void Answer::abandon() {
  {
    const std::scoped_lock lock(mutex_);
    abandoned_ = true;
    taken_.notify_all();
  }
  stop_.request_stop();
}

// A wake-up between next()'s look and its wait must not be lost: an expired timer ends the wait at once, where a
// cancelled one would end only the waits that have begun.
void Answer::wake() {
  net::asio::post(news_.get_executor(),
                  [self = shared_from_this()] { self->news_.expires_at(net::asio::steady_timer::time_point::min()); });
}

}  // namespace blindbox::http::internal
