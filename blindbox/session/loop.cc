// SPDX-License-Identifier: Apache-2.0
#include "blindbox/session/loop.h"

#include <pthread.h>
#include <unistd.h>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <csignal>
#include <mutex>
#include <system_error>
#include <thread>

namespace blindbox::session {

namespace asio = net::asio;

struct Loop::State {
  asio::io_context io{1};
  asio::executor_work_guard<asio::io_context::executor_type> work{io.get_executor()};
  pid_t home = ::getpid();
  std::mutex stopping;
  std::thread thread;
};

namespace {

// Blocks every signal in the thread that it lives in, which new threads inherit.
class NoSignals {
 public:
  NoSignals() {
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~NoSignals() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  NoSignals(const NoSignals&) = delete;
  NoSignals& operator=(const NoSignals&) = delete;

 private:
  sigset_t before_{};
};

}  // namespace

Loop::Loop(std::unique_ptr<State> state) : state_(std::move(state)) {}

Result<std::shared_ptr<Loop>> Loop::start() {
  auto state = std::make_unique<State>();
  const NoSignals none;
  try {
    state->thread = std::thread([&io = state->io] { io.run(); });
  } catch (const std::system_error& error) {
    return base::fail(ErrorKind::io, "no thread can be started", error.what());
  }
  return std::shared_ptr<Loop>(new Loop(std::move(state)));
}

Loop::~Loop() {
  if (!at_home()) {
    (void)state_.release();
    return;
  }
  stop();
}

void Loop::stop() {
  if (!at_home()) return;
  const std::lock_guard lock(state_->stopping);
  state_->io.stop();
  if (state_->thread.joinable()) state_->thread.join();
}

void Loop::post(std::function<void()> what) {
  if (at_home()) asio::post(state_->io, std::move(what));
}

net::Executor Loop::executor() { return state_->io.get_executor(); }

bool Loop::at_home() const { return state_->home == ::getpid(); }

}  // namespace blindbox::session
