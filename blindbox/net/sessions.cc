// SPDX-License-Identifier: Apache-2.0
#include "blindbox/net/sessions.h"

#include <sys/resource.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <cstring>
#include <list>

#include "blindbox/net/connect.h"
#include "blindbox/net/internal/io.h"

namespace blindbox::net {
namespace {

// A session needs its own descriptor and often one of whom it asks; some are for everything else. Else a crowd that
// merely stays connected takes them all, and nobody gets an answer.
std::size_t affordable() {
  constexpr rlim_t kOthers = 32;
  rlimit descriptors{};
  if (::getrlimit(RLIMIT_NOFILE, &descriptors) != 0) return SIZE_MAX;
  const rlim_t left = std::max(descriptors.rlim_cur, kOthers + 2) - kOthers;
  return static_cast<std::size_t>(left / 2);
}

}  // namespace

struct Sessions::State {
  State(Acceptor on, std::size_t most, RunSession what)
      : acceptor(std::move(on)), limit(most), run(std::move(what)), emptied(acceptor.get_executor()) {}

  struct One final : Session {
    explicit One(const bool& drain) : draining_(drain) {}
    void own(Stream& stream) override {
      stream_ = &stream;
      if (draining_ && !busy_) stream.close();
    }
    void set_busy(bool busy) override { busy_ = busy; }
    [[nodiscard]] bool draining() const override { return draining_; }
    Stream* stream_ = nullptr;
    bool busy_ = false;
    bool given_way_ = false;
    const bool& draining_;
  };

  Acceptor acceptor;
  std::size_t limit;
  RunSession run;
  asio::steady_timer emptied;
  std::list<One> sessions;
  bool draining = false;

  // Leaves the list however its coroutine ends: by an exception, or with the loop that it waited on.
  struct Entry {
    explicit Entry(std::shared_ptr<State> of)
        : state(std::move(of)), here(state->sessions.emplace(state->sessions.end(), state->draining)) {}
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry() {
      state->sessions.erase(here);
      if (state->sessions.empty()) state->emptied.cancel();
    }
    std::shared_ptr<State> state;
    std::list<One>::iterator here;
  };

  // Both take their share of the state: a coroutine may outlive whoever started it by a turn of the loop.
  static Task<void> run_one(std::shared_ptr<State> self, Socket socket) {
    const Entry entry(self);
    co_await self->run(std::move(socket), *entry.here);
  }

  static Task<void> accept_all(std::shared_ptr<State> self) {
    Acceptor& acceptor = self->acceptor;
    while (acceptor.is_open()) {
      auto [error, socket] = co_await acceptor.async_accept(kAwait);
      if (error == asio::error::operation_aborted || !acceptor.is_open()) co_return;
      if (error) {  // out of descriptors, most likely: the oldest idle one gives way, and the others get time to end
        (void)self->close_idle();
        asio::steady_timer pause(acceptor.get_executor(), std::chrono::milliseconds(50));
        co_await pause.async_wait(kAwait);
        continue;
      }
      if (self->sessions.size() >= self->limit && !self->close_idle()) continue;
      asio::co_spawn(acceptor.get_executor(), run_one(self, std::move(socket)), asio::detached);
    }
  }

  // Whoever has been open longest without a request gives way: idle connections must not lock others out.
  bool close_idle() {
    for (One& one : sessions) {
      if (one.stream_ == nullptr || one.busy_ || one.given_way_) continue;
      one.given_way_ = true;
      one.stream_->close();
      return true;
    }
    return false;
  }

  void close(bool busy_too) {
    draining = true;
    error_code ignored;
    acceptor.close(ignored);
    for (One& one : sessions) {
      if (one.stream_ != nullptr && (busy_too || !one.busy_)) one.stream_->close();
    }
  }
};

Sessions::Sessions(Acceptor acceptor, std::size_t limit, RunSession run)
    : state_(std::make_shared<State>(std::move(acceptor), std::min(limit, affordable()), std::move(run))) {}

Sessions::~Sessions() { stop(); }

void Sessions::start() { asio::co_spawn(state_->acceptor.get_executor(), State::accept_all(state_), asio::detached); }

Task<void> Sessions::drain(Duration limit) {
  const auto state = state_;
  state->close(false);
  if (!state->sessions.empty()) {
    state->emptied.expires_after(limit);
    co_await state->emptied.async_wait(kAwait);
  }
  state->close(true);
}

void Sessions::stop() { state_->close(true); }

std::size_t Sessions::open() const { return state_->sessions.size(); }

std::uint16_t bound_port(const Acceptor& acceptor) {
  error_code error;
  const auto local = acceptor.local_endpoint(error);
  if (error || (local.protocol().family() != AF_INET && local.protocol().family() != AF_INET6)) return 0;
  asio::ip::tcp::endpoint tcp;
  tcp.resize(local.size());
  std::memcpy(tcp.data(), local.data(), local.size());
  return tcp.port();
}

std::uint16_t Sessions::port() const { return bound_port(state_->acceptor); }

}  // namespace blindbox::net
