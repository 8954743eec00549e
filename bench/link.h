// SPDX-License-Identifier: Apache-2.0
// A link with a delay: relays TCP connections to a port of this machine and holds every piece back for a while, so that
// a protocol's round trips cost what they cost between two places.
#pragma once

#include <array>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "blindbox/net/connect.h"
#include "blindbox/net/socket_stream.h"
#include "measure.h"

namespace blindbox::bench {

class Link {
 public:
  // delay: one way. Opening the TCP connection itself is not delayed, on either side of a comparison.
  Link(net::asio::io_context& loop, net::HostPort to, net::Duration delay)
      : to_(std::move(to)),
        delay_(delay),
        sessions_(take(net::listen_tcp(loop.get_executor(), {"127.0.0.1", 0})), 100,
                  [this](net::Socket socket, net::Session& session) { return relay(std::move(socket), session); }) {
    sessions_.start();
  }
  [[nodiscard]] std::uint16_t port() const { return sessions_.port(); }

 private:
  net::Task<void> relay(net::Socket socket, net::Session& session) {
    using net::asio::experimental::awaitable_operators::operator||;
    net::SocketStream near(std::move(socket));
    session.own(near);
    auto connected = co_await net::connect_tcp(to_, std::chrono::seconds(10));
    if (!connected) co_return;
    net::SocketStream far(std::move(*connected));
    (void)co_await (pump(near, far) || pump(far, near));
    far.close();
    near.close();
  }

  net::Task<void> pump(net::Stream& from, net::Stream& to) {
    net::asio::steady_timer timer(from.executor());
    std::array<std::byte, 1 << 16> piece{};
    while (true) {
      const auto got = co_await from.read_some(piece);
      if (!got || *got == 0) co_return;
      timer.expires_after(delay_);
      co_await timer.async_wait(net::asio::use_awaitable);
      const auto put = co_await to.write(ByteView(piece).first(*got));
      if (!put) co_return;
    }
  }

  net::HostPort to_;
  net::Duration delay_;
  net::Sessions sessions_;
};

}  // namespace blindbox::bench
