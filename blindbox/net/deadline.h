// SPDX-License-Identifier: Apache-2.0
// Closes what it watches when an operation takes too long. Setting it for each operation costs an assignment: the
// timer looks at the latest deadline when it fires.
#pragma once

#include <functional>
#include <memory>

#include "blindbox/net/asio.h"

namespace blindbox::net {

class Deadline {
 public:
  Deadline(const Executor& executor, std::function<void()> on_expiry);
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;
  ~Deadline();

  void limit(Duration limit) { limit_ = limit; }
  void start();
  void stop();
  [[nodiscard]] bool expired() const;
  [[nodiscard]] Duration limit() const { return limit_; }

 private:
  struct State;
  static void wait(const std::shared_ptr<State>& state);
  std::shared_ptr<State> state_;
  Duration limit_{0};
};

}  // namespace blindbox::net
