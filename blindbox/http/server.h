// SPDX-License-Identifier: Apache-2.0
// A server for one Handler: reads whole requests, runs the handler on a thread of its own, streams its answer with
// back-pressure, and asks it to stop when the client goes away.
#pragma once

#include <memory>

#include "blindbox/http/handler.h"
#include "blindbox/net/sessions.h"

namespace blindbox::http {

namespace internal {
struct ServerState;
}

inline constexpr std::uint64_t kSmallBody = 64 * 1024;

struct ServerLimits {
  std::size_t requests_at_once = 80;  // more are answered 503 at once
  // Requests without a body beyond those: whoever looks after the server learns that it lives, however busy it is.
  std::size_t bodyless_beyond = 16;
  // Bodies over kSmallBody (or of unknown length) that are being read: memory that nobody has admitted yet. More are
  // answered 503 unread.
  std::size_t large_bodies_at_once = 64;
};

class Server {
 public:
  // listening is a bound and listening stream socket (TCP or Unix), which the server takes over.
  Server(const net::Executor& executor, int listening, Handler handler, ServerLimits limits = {});
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  // Stops and waits for the handlers that still run.
  ~Server();

  void start();
  // Accepts nothing more and asks all handlers to stop.
  void stop();
  // Of a TCP socket.
  [[nodiscard]] std::uint16_t port() const { return sessions_.port(); }

 private:
  std::shared_ptr<internal::ServerState> state_;
  net::Sessions sessions_;
};

}  // namespace blindbox::http
