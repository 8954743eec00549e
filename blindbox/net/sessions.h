// SPDX-License-Identifier: Apache-2.0
// Accepts connections, runs a coroutine for each, and drains: idle ones end at once, busy ones after their request.
#pragma once

#include <boost/asio/basic_socket_acceptor.hpp>
#include <functional>
#include <memory>

#include "blindbox/net/stream.h"

namespace blindbox::net {

using Acceptor = asio::basic_socket_acceptor<asio::generic::stream_protocol>;

class Session {
 public:
  virtual ~Session() = default;
  // Told by the coroutine: the stream to close when the session must end, and whether a request is under way.
  virtual void own(Stream& stream) = 0;
  virtual void set_busy(bool busy) = 0;
  // True once no further request may begin.
  [[nodiscard]] virtual bool draining() const = 0;
};

// The session is valid until the coroutine ends.
using RunSession = std::function<Task<void>(Socket, Session&)>;

class Sessions {
 public:
  // Beyond limit, or half of this process's descriptors, the oldest idle one gives way; where all are busy, the new one.
  Sessions(Acceptor acceptor, std::size_t limit, RunSession run);
  Sessions(const Sessions&) = delete;
  Sessions& operator=(const Sessions&) = delete;
  ~Sessions();

  void start();
  // Accepts nothing more, ends idle sessions, gives busy ones until the limit, then closes them.
  Task<void> drain(Duration limit);
  // drain without patience.
  void stop();
  [[nodiscard]] std::size_t open() const;
  // The port of a TCP acceptor.
  [[nodiscard]] std::uint16_t port() const;

 private:
  struct State;
  std::shared_ptr<State> state_;
};

}  // namespace blindbox::net
