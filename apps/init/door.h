// SPDX-License-Identifier: Apache-2.0
// The gateway's way to the application: sockets from inside the sandbox, connected here, and whether anybody is well
// behind them.
#pragma once

#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/steady_timer.hpp>
#include <deque>
#include <functional>
#include <vector>

#include "blindbox/net/asio.h"
#include "blindbox/sandbox/connector.h"
#include "channel.h"

namespace blindbox::init {

class Door {
 public:
  // asker is the connector's end, taken over.
  Door(const net::Executor& executor, Service service, base::Fd asker);
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  // Watches the application from now on. Told: true when it is well for the first time since its start, false when it
  // was not within health.start.
  void watch(std::function<void(bool)> told);
  // The application runs anew.
  void restarted();

  // A connected socket. ErrorKind::limit while the application is not well.
  net::Task<Result<net::Socket>> open();

 private:
  using Family = sandbox::Family;
  struct Pool {
    std::deque<base::Fd> sockets;
    bool asked = false;
  };
  Pool& pool(Family family) { return family == Family::ipv4 ? ipv4_ : ipv6_; }
  void ask(Family family);
  void store(std::vector<base::Fd> sockets);
  net::Task<void> collect();
  net::Task<void> look();
  net::Task<bool> is_well();
  net::Task<Result<net::Socket>> take(Family family);
  net::Task<Result<net::Socket>> connect(Family family);
  net::Task<Result<net::Socket>> connect_any();
  [[nodiscard]] Result<void> check_listener() const;

  net::Executor executor_;
  Service service_;
  net::asio::posix::stream_descriptor asker_;
  net::asio::steady_timer pause_;                  // between two looks
  std::vector<net::asio::steady_timer*> waiting_;  // cancelled whenever sockets have come
  std::function<void(bool)> told_;
  Pool ipv4_, ipv6_;
  Family last_ = Family::ipv4;  // the one that was answered
  std::chrono::steady_clock::time_point begun_;
  bool well_ = false;
  bool ever_well_ = false;
  bool given_up_ = false;
  int failures_ = 0;
};

}  // namespace blindbox::init
