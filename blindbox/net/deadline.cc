// SPDX-License-Identifier: Apache-2.0
#include "blindbox/net/deadline.h"

#include <boost/asio/steady_timer.hpp>
#include <optional>

namespace blindbox::net {

using SteadyTime = std::chrono::steady_clock::time_point;

struct Deadline::State {
  State(const Executor& executor, std::function<void()> callback) : timer(executor), on_expiry(std::move(callback)) {}
  asio::steady_timer timer;
  std::function<void()> on_expiry;
  std::optional<SteadyTime> due;  // absent: nothing under way
  bool waiting = false;
  bool expired = false;
};

Deadline::Deadline(const Executor& executor, std::function<void()> on_expiry)
    : state_(std::make_shared<State>(executor, std::move(on_expiry))) {}

Deadline::~Deadline() {
  state_->on_expiry = nullptr;
  state_->due.reset();
  state_->timer.cancel();
}

void Deadline::start() {
  if (limit_ == Duration::zero()) return;
  state_->due = std::chrono::steady_clock::now() + limit_;
  if (state_->waiting && state_->timer.expiry() > *state_->due) state_->timer.cancel();
  if (!state_->waiting) wait(state_);
}

void Deadline::stop() { state_->due.reset(); }

bool Deadline::expired() const { return state_->expired; }

void Deadline::wait(const std::shared_ptr<State>& state) {
  state->waiting = true;
  state->timer.expires_at(*state->due);
  state->timer.async_wait([state](const error_code&) {
    state->waiting = false;
    if (!state->due) return;
    if (std::chrono::steady_clock::now() < *state->due) return wait(state);
    state->expired = true;
    if (state->on_expiry) state->on_expiry();
  });
}

}  // namespace blindbox::net
