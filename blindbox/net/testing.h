// SPDX-License-Identifier: Apache-2.0
// What the tests of anything that speaks over streams share: a loop that ends, and a stream without a socket.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <exception>
#include <functional>
#include <optional>
#include <string>

#include "blindbox/net/stream.h"

namespace blindbox::net::testing {

// Runs the loop until done() holds; aborts after a minute, because what hangs must not look slow.
inline void run_until(asio::io_context& loop, const std::function<bool()>& done) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::minutes(1);
  loop.restart();
  while (!done()) {
    if (std::chrono::steady_clock::now() > end) {
      std::fputs("the loop was still busy after a minute\n", stderr);
      std::abort();
    }
    loop.run_one_for(std::chrono::milliseconds(200));
    if (loop.stopped()) loop.restart();
  }
}

// Runs one coroutine to its end, and whatever else waits on the loop beside it.
template <typename T>
T run(asio::io_context& loop, Task<T> task) {
  std::optional<T> result;
  std::exception_ptr thrown;
  bool done = false;
  const auto store = [](Task<T> from, std::optional<T>& into) -> Task<void> { into.emplace(co_await std::move(from)); };
  asio::co_spawn(loop, store(std::move(task), result), [&](const std::exception_ptr& error) {
    thrown = error;
    done = true;
  });
  run_until(loop, [&] { return done; });
  if (thrown) std::rethrow_exception(thrown);
  return std::move(*result);
}

inline void run(asio::io_context& loop, Task<void> task) {
  const auto with_value = [](Task<void> from) -> Task<bool> {
    co_await std::move(from);
    co_return true;
  };
  (void)run<bool>(loop, with_value(std::move(task)));
}

// Of a TCP socket over IPv4.
inline std::uint16_t port_of(int socket) {
  sockaddr_in address{};
  socklen_t length = sizeof address;
  if (::getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) != 0) std::abort();
  return ntohs(address.sin_port);
}

// Something that coroutines wait for and a test sets.
class Latch {
 public:
  explicit Latch(const Executor& executor) : timer_(executor, asio::steady_timer::time_point::max()) {}
  void set() {
    set_ = true;
    timer_.expires_at(asio::steady_timer::time_point::min());
  }
  [[nodiscard]] bool is_set() const { return set_; }
  Task<void> wait() {
    if (!set_) co_await timer_.async_wait(asio::as_tuple(asio::use_awaitable));
  }

 private:
  asio::steady_timer timer_;
  bool set_ = false;
};

// Reads what it was given, a piece at a time, and keeps what is written.
class ScriptedStream final : public Stream {
 public:
  enum class AtEnd { closes, stays_open, breaks };
  ScriptedStream(Executor executor, std::deque<std::string> pieces, AtEnd at_end = AtEnd::closes)
      : executor_(std::move(executor)), pieces_(std::move(pieces)), at_end_(at_end), closed_(executor_) {}

  Task<Result<std::size_t>> read_some(std::span<std::byte> into) override {
    while (!pieces_.empty() && pieces_.front().empty()) pieces_.pop_front();
    if (pieces_.empty() && refill_) pieces_.push_back(refill_());
    if (pieces_.empty()) {
      if (at_end_ == AtEnd::breaks) co_return base::fail(ErrorKind::network, "the connection broke");
      if (at_end_ == AtEnd::stays_open) co_await closed_.wait();
      co_return std::size_t{0};
    }
    std::string& piece = pieces_.front();
    const std::size_t size = std::min(piece.size(), into.size());
    std::copy_n(base::view(piece).begin(), size, into.begin());
    piece.erase(0, size);
    taken_ += size;
    co_return size;
  }
  Task<Result<void>> write(ByteView bytes) override {
    if (is_closed()) co_return base::fail(ErrorKind::network, "the stream is closed");
    if (blocked_) co_await blocked_->wait();
    written_ += base::as_text(bytes);
    ++writes_;
    co_return Result<void>{};
  }
  Task<void> shut_down() override {
    close();
    co_return;
  }
  void close() override { closed_.set(); }
  [[nodiscard]] bool quiet() const override { return pieces_.empty() && !is_closed(); }
  [[nodiscard]] Executor executor() override { return executor_; }
  void set_read_deadline(Duration limit) override { read_limit_ = limit; }
  void set_write_deadline(Duration) override {}

  // A peer that does not read: writes wait for ever.
  void block_writes() { blocked_.emplace(executor_); }
  // Where more comes from when the pieces are used up.
  void refill(std::function<std::string()> from) { refill_ = std::move(from); }
  [[nodiscard]] const std::string& written() const { return written_; }
  [[nodiscard]] std::size_t writes() const { return writes_; }
  [[nodiscard]] std::size_t taken() const { return taken_; }
  [[nodiscard]] bool is_closed() const { return closed_.is_set(); }
  [[nodiscard]] Duration read_limit() const { return read_limit_; }

 private:
  Executor executor_;
  std::deque<std::string> pieces_;
  AtEnd at_end_;
  Latch closed_;
  std::optional<Latch> blocked_;
  std::function<std::string()> refill_;
  std::string written_;
  std::size_t writes_ = 0;
  std::size_t taken_ = 0;
  Duration read_limit_{0};
};

}  // namespace blindbox::net::testing
