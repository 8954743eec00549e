// SPDX-License-Identifier: Apache-2.0
// What the programs set up alike: a manifest, the policy that accepts it, and an event loop with a thread of its own.
#pragma once

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <functional>
#include <thread>

#include "blindbox/policy/policy.h"
#include "device.h"

namespace blindbox::bench {

inline constexpr std::chrono::seconds kPatience{60};

// Canonical JSON.
[[nodiscard]] Bytes manifest();
// Accepts the device's guest with this manifest, as a client's policy does.
[[nodiscard]] policy::Policy policy_for(const Device& device);

// What runs on it is made before start() and ends with finish().
class Loop {
 public:
  Loop() = default;
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop() {
    finish([] {});
  }

  [[nodiscard]] net::Executor executor() { return loop_.get_executor(); }
  [[nodiscard]] net::asio::io_context& context() { return loop_; }
  void start();
  // Calls last on the loop, lets what it has closed come to its end, and joins the thread.
  void finish(const std::function<void()>& last);

 private:
  net::asio::io_context loop_;
  net::asio::executor_work_guard<net::asio::io_context::executor_type> work_{loop_.get_executor()};
  std::thread thread_;
};

}  // namespace blindbox::bench
