// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/write.hpp>
#include <csignal>

#include "blindbox/base/fd.h"
#include "blindbox/egress/egress.h"
#include "blindbox/egress/resolver.h"
#include "blindbox/net/await.h"

namespace blindbox::egress {
namespace {

namespace asio = net::asio;
using Descriptor = asio::posix::stream_descriptor;

Result<net::Acceptor> adopt(asio::io_context& io, base::Fd listening) {
  int family = 0;
  int accepts = 0;
  socklen_t size = sizeof family;
  const bool socket = ::getsockopt(listening.get(), SOL_SOCKET, SO_DOMAIN, &family, &size) == 0 &&
                      ::getsockopt(listening.get(), SOL_SOCKET, SO_ACCEPTCONN, &accepts, &size) == 0;
  if (!socket || accepts == 0) return base::fail(ErrorKind::io, "the proxy was handed no listening socket");
  net::Acceptor acceptor(io);
  net::error_code error;
  acceptor.assign({family, 0}, listening.get(), error);
  if (error) return base::fail(ErrorKind::io, "the proxy cannot use its listening socket: " + error.message());
  (void)listening.release();
  return acceptor;
}

net::Task<void> finish(Proxy& proxy, asio::io_context& io, net::Duration drain) {
  co_await proxy.drain(drain);
  io.stop();
}

// A byte asks for the counters; the end of the stream, or an error on it, is the end.
net::Task<void> obey(Descriptor& control, Proxy& proxy, asio::io_context& io, net::Duration drain) {
  std::array<char, 1> asked{};
  while (true) {
    const auto [error, got] = co_await control.async_read_some(asio::buffer(asked), net::kAwait);
    if (error || got == 0) break;
    const std::string line = to_json(proxy.stats()) + "\n";
    const auto [failed, put] = co_await asio::async_write(control, asio::buffer(line), net::kAwait);
    if (failed) break;
  }
  co_await finish(proxy, io, drain);
}

}  // namespace

Result<Stats> run(Settings settings) {
  asio::io_context io(1);
  base::Fd listening(settings.listening);
  base::Fd asking(settings.control);
  auto acceptor = adopt(io, std::move(listening));
  if (!acceptor) return base::pass_on(acceptor);
  SystemResolver resolver;
  Proxy proxy(std::move(*acceptor), std::move(settings.allowed), resolver, settings.limits);
  Descriptor control(io);
  if (asking) {
    net::error_code error;
    control.assign(asking.get(), error);
    if (error) return base::fail(ErrorKind::io, "the proxy cannot use its control descriptor: " + error.message());
    (void)asking.release();
    asio::co_spawn(io, obey(control, proxy, io, settings.drain), asio::detached);
  }
  asio::signal_set signals(io, SIGTERM, SIGINT);
  signals.async_wait([&](const net::error_code& error, int) {
    if (!error) asio::co_spawn(io, finish(proxy, io, settings.drain), asio::detached);
  });
  proxy.start();
  io.run();
  return proxy.stats();
}

}  // namespace blindbox::egress
