// SPDX-License-Identifier: Apache-2.0
// The attacker of the demonstration: terminates TLS with a key of its own, hands challenges to the real server and its
// genuine evidence back, and would read everything that follows.
#pragma once

#include <atomic>
#include <thread>

#include "blindbox/net/connect.h"

namespace blindbox::apps {

class DemoRelay {
 public:
  [[nodiscard]] static Result<std::unique_ptr<DemoRelay>> start(const net::HostPort& listen,
                                                                const net::HostPort& server);
  DemoRelay(const DemoRelay&) = delete;
  DemoRelay& operator=(const DemoRelay&) = delete;
  ~DemoRelay();

  // Challenges that were relayed with genuine evidence, and bytes of anything else that reached the attacker in clear.
  [[nodiscard]] std::uint64_t challenges() const;
  [[nodiscard]] std::uint64_t application_bytes() const;

 private:
  DemoRelay() = default;
  struct State;
  std::unique_ptr<State> state_;
  std::thread thread_;
};

}  // namespace blindbox::apps
