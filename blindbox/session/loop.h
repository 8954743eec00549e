// SPDX-License-Identifier: Apache-2.0
// One thread that runs coroutines, for callers that have threads of their own. It takes no signals, so that they reach
// the callers' threads.
#pragma once

#include <functional>
#include <memory>

#include "blindbox/net/asio.h"

namespace blindbox::session {

class Loop {
 public:
  // ErrorKind::io where the system gives no thread.
  [[nodiscard]] static Result<std::shared_ptr<Loop>> start();
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  // As stop(); what never ran is destroyed. In a child of the process that started it, where there is no such thread and
  // the sockets are the parent's, everything is left as it lies.
  ~Loop();

  // Ends the thread and waits for it: what is under way never goes on. Not from the loop's own thread.
  void stop();
  // Runs there, in order; dropped once the loop has ended. From any thread.
  void post(std::function<void()> what);
  [[nodiscard]] net::Executor executor();
  // False in a child after fork().
  [[nodiscard]] bool at_home() const;

 private:
  struct State;
  explicit Loop(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace blindbox::session
