// SPDX-License-Identifier: Apache-2.0
#include "blindbox/lsp/stdio.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/post.hpp>
#include <cerrno>
#include <chrono>
#include <climits>
#include <condition_variable>
#include <mutex>
#include <semaphore>
#include <thread>

#include "blindbox/base/fd.h"
#include "blindbox/lsp/framing.h"

namespace blindbox::lsp {
namespace {

constexpr std::chrono::seconds kFarewell{2};  // for the editor to read what was said last

// Set once, from another thread, and then readable for ever.
class Bell {
 public:
  Bell() : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  void ring() const {
    const std::uint64_t one = 1;
    [[maybe_unused]] const ssize_t put = ::write(event_.get(), &one, sizeof one);
  }
  // False once it has rung; true when fd is ready for what is asked, or broken.
  [[nodiscard]] bool wait(int fd, short events) const {
    std::array<pollfd, 2> both{pollfd{fd, events, 0}, pollfd{event_.get(), POLLIN, 0}};
    while (::poll(both.data(), both.size(), -1) < 0) {
      if (errno != EINTR) return false;
    }
    return both[1].revents == 0;
  }

 private:
  base::Fd event_;
};

// Writes what it is given on a thread of its own, in order.
class Writer {
 public:
  Writer(int output, std::function<void()> on_broken)
      : output_(output), on_broken_(std::move(on_broken)), thread_([this] { run(); }) {}
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  // Waits for kFarewell at most.
  ~Writer() {
    {
      std::unique_lock lock(mutex_);
      closing_ = true;
      changed_.notify_all();
      changed_.wait_for(lock, kFarewell, [this] { return finished_; });
    }
    bell_.ring();
    thread_.join();
  }

  void put(const std::string& text) {
    const std::scoped_lock lock(mutex_);
    if (finished_) return;
    waiting_ += text;
    if (waiting_.size() > kUnreadCap) bell_.ring();
    changed_.notify_all();
  }

 private:
  void run() {
    while (write_next()) continue;
    const std::scoped_lock lock(mutex_);
    finished_ = true;
    changed_.notify_all();
    if (!closing_) on_broken_();
  }
  bool write_next() {
    std::string text;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return closing_ || !waiting_.empty(); });
      if (waiting_.empty()) return false;
      text.swap(waiting_);
    }
    for (std::string_view rest(text); !rest.empty();) {
      if (!bell_.wait(output_, POLLOUT)) return false;
      // A pipe that is ready takes PIPE_BUF bytes without making us wait, where we could not hear the bell.
      const ssize_t put = ::write(output_, rest.data(), std::min<std::size_t>(rest.size(), PIPE_BUF));
      if (put < 0 && errno != EINTR && errno != EAGAIN) return false;
      if (put > 0) rest.remove_prefix(static_cast<std::size_t>(put));
    }
    return true;
  }

  int output_;
  std::function<void()> on_broken_;
  Bell bell_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string waiting_;
  bool closing_ = false;
  bool finished_ = false;
  std::thread thread_;
};

// Reads on a thread of its own, a piece at a time: the next one when the last one has been dealt with. An empty piece is
// the end.
class Reader {
 public:
  Reader(int input, std::function<void(std::string)> on_piece)
      : input_(input), on_piece_(std::move(on_piece)), thread_([this] { run(); }) {}
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  ~Reader() {
    stopping_ = true;
    dealt_with_.release();
    bell_.ring();
    thread_.join();
  }
  void next() { dealt_with_.release(); }

 private:
  void run() {
    std::string piece(std::size_t{64} * 1024, '\0');
    while (bell_.wait(input_, POLLIN)) {
      const ssize_t got = ::read(input_, piece.data(), piece.size());
      if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
      on_piece_(piece.substr(0, got > 0 ? static_cast<std::size_t>(got) : 0));
      if (got <= 0) return;
      dealt_with_.acquire();
      if (stopping_) return;
    }
  }

  int input_;
  std::function<void(std::string)> on_piece_;
  Bell bell_;
  std::counting_semaphore<> dealt_with_{0};
  std::atomic<bool> stopping_ = false;
  std::thread thread_;
};

// Takes the pieces, until there is a result.
struct Session {
  Session(const net::Executor& executor, ServerOptions options, std::function<void(std::string)> send)
      : server(executor, std::move(options), std::move(send)) {}

  Server server;
  FrameReader frames;
  std::optional<Result<int>> result;

  void take(const std::string& piece) {
    if (piece.empty()) {
      result = server.hang_up_status();
      return;
    }
    auto messages = frames.feed(piece);
    if (!messages) {
      result = base::pass_on(messages);
      return;
    }
    for (const std::string& message : *messages) {
      server.take(message);
      if (const auto status = server.exit_status()) {
        result = *status;
        return;
      }
    }
  }
};

}  // namespace

Result<int> serve(boost::asio::io_context& loop, ServerOptions options, int input, int output) {
  namespace asio = boost::asio;
  const auto work = asio::make_work_guard(loop);
  std::optional<Session> session;
  std::optional<Result<int>> result;
  const auto finish = [&](Result<int> with) {
    if (!result) result = std::move(with);
    loop.stop();
  };
  Writer writer(output, [&] { asio::post(loop, [&] { finish(1); }); });
  session.emplace(loop.get_executor(), std::move(options),
                  [&writer](const std::string& content) { writer.put(write_frame(content)); });
  std::optional<Reader> reader;
  reader.emplace(input, [&](std::string piece) {
    asio::post(loop, [&, piece = std::move(piece)] {
      session->take(piece);
      if (session->result) return finish(*session->result);
      reader->next();
    });
  });
  loop.run();
  reader.reset();
  session.reset();  // its exchanges are given up before the loop goes
  return *result;
}

}  // namespace blindbox::lsp
