// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/turns.h"

#include <algorithm>

namespace blindbox::completion {

Result<Turns::Turn> Turns::wait(const std::stop_token& stop) {
  std::unique_lock lock(mutex_);
  if (line_.size() > waiting_) {
    return base::fail(ErrorKind::limit, "too many requests are waiting", std::to_string(line_.size()) + " in the queue",
                      "ask again in a few seconds");
  }
  const std::uint64_t ticket = tickets_++;
  line_.push_back(ticket);
  changed_.wait(lock, stop, [&] { return line_.front() == ticket; });
  if (stop.stop_requested()) {
    line_.erase(std::find(line_.begin(), line_.end(), ticket));
    lock.unlock();
    changed_.notify_all();
    return base::fail(ErrorKind::cancelled, "the request was cancelled while it waited");
  }
  return Turn(*this);
}

std::size_t Turns::length() const {
  const std::scoped_lock lock(mutex_);
  return line_.size();
}

void Turns::next() {
  {
    const std::scoped_lock lock(mutex_);
    line_.pop_front();
  }
  changed_.notify_all();
}

}  // namespace blindbox::completion
