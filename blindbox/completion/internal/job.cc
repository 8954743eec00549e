// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/internal/job.h"

#include <algorithm>
#include <utility>

namespace blindbox::completion {
namespace {

void hear(Listener& listener, const Channel::Event& event, bool& go_on) {
  if (event.total != 0) listener.on_prompt(event.read, event.total);
  if (!event.likeliest.empty()) listener.on_likeliest(event.likeliest);
  if (event.token >= 0) listener.on_token(event.token, event.log_probability);
  if (!event.text.empty()) go_on = listener.on_text(event.text);
}

}  // namespace

void Channel::tell(Event event) {
  const std::scoped_lock lock(mutex_);
  events_.push_back(std::move(event));
  changed_.notify_one();
}

void Channel::finish(Result<Outcome> outcome) {
  const std::scoped_lock lock(mutex_);
  outcome_ = std::move(outcome);
  // Under the lock: once it is given up the caller may destroy this object.
  changed_.notify_one();
}

Result<Outcome> Channel::deliver(Listener& listener, const std::stop_token& stop,
                                 const std::function<void()>& on_cancel) {
  const std::stop_callback on_stop(stop, [&] {
    cancelled_ = true;
    on_cancel();
  });
  bool go_on = true;
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return !events_.empty() || outcome_; });
    if (events_.empty()) break;
    const std::vector<Event> events = std::exchange(events_, {});
    lock.unlock();
    for (const Event& event : events) {
      if (go_on && !stop.stop_requested()) hear(listener, event, go_on);
    }
    if (!go_on && !cancelled_.exchange(true)) on_cancel();
    lock.lock();
  }
  // It may have come to its end before it was told.
  if (*outcome_ && (!go_on || stop.stop_requested())) (*outcome_)->reason = StopReason::cancelled;
  return std::move(*outcome_);
}

Job::Job(const Request& asked, Tokens prompt, Listener& hears)
    : request(asked),
      listener(hears),
      tokens(std::move(prompt)),
      prompt_size(tokens.size()),
      text(asked.stop),
      created(std::chrono::steady_clock::now()) {
  outcome.prompt_tokens = static_cast<unsigned>(prompt_size);
  outcome.reason = StopReason::limit;
}

std::optional<StopReason> Job::stopped() const {
  if (channel.cancelled()) return StopReason::cancelled;
  if (request.deadline && std::chrono::steady_clock::now() >= *request.deadline) return StopReason::deadline;
  return std::nullopt;
}

std::size_t Job::longest(std::size_t context) const {
  return std::min(context, prompt_size + std::min<std::size_t>(request.max_tokens, context));
}

}  // namespace blindbox::completion
