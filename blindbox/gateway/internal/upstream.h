// SPDX-License-Identifier: Apache-2.0
// One client's connections to the application. A burst of plain questions goes over one; all else gets a fresh one.
#pragma once

#include "blindbox/gateway/gateway.h"
#include "blindbox/net/socket_stream.h"

namespace blindbox::gateway::internal {

class Upstream {
 public:
  struct Connection {
    Connection(net::Socket socket, net::Duration stall);
    net::SocketStream stream;
    http::ResponseReader answers;
    std::chrono::steady_clock::time_point opened = std::chrono::steady_clock::now();
    std::optional<std::uint64_t> heard_before{};  // octets, when it was taken again; nothing of a fresh one
  };

  Upstream(const net::Executor& executor, ConnectApplication connect, const Limits& limits)
      : connect_(std::move(connect)),
        stall_(limits.relay.stall),
        lifetime_(limits.kept),
        expiry_(executor, [this] { kept_.reset(); }) {}

  // Whether a request may go over a connection that has served another, and be repeated when that turns out closed: a
  // GET without a body alone. A body that the application did not read would be taken for the next request, and what
  // it says to HEAD after the head for the next answer.
  [[nodiscard]] static bool may_reuse(const http::RequestHead& head);

  // The kept connection where that may be and it still stands, else a fresh one; none is kept any more. Errors are
  // those of ConnectApplication.
  net::Task<Result<std::unique_ptr<Connection>>> take(bool may_reuse);
  // For the next request, if that comes in time.
  void keep(std::unique_ptr<Connection> connection);

 private:
  ConnectApplication connect_;
  net::Duration stall_;
  net::Duration lifetime_;
  std::unique_ptr<Connection> kept_;
  net::Deadline expiry_;  // of the kept one: a client that asks nothing more has no buffers here either
};

}  // namespace blindbox::gateway::internal
