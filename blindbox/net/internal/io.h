// SPDX-License-Identifier: Apache-2.0
// Reads and writes of any Asio stream under a Deadline, as Results.
#pragma once

#include <array>
#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/ssl/error.hpp>
#include <boost/asio/write.hpp>
#include <string>

#include "blindbox/base/bytes.h"
#include "blindbox/net/await.h"
#include "blindbox/net/deadline.h"

namespace blindbox::net::internal {

inline tl::unexpected<Error> failure(const std::string& doing, const error_code& error, const Deadline& deadline) {
  if (deadline.expired()) {
    return base::fail(ErrorKind::network,
                      doing + " timed out after " + std::to_string(deadline.limit().count()) + " ms");
  }
  return base::fail(ErrorKind::network, doing + " failed: " + error.message());
}

template <typename AsioStream>
Task<Result<std::size_t>> read_some(AsioStream& stream, std::span<std::byte> into, Deadline& deadline) {
  deadline.start();
  const auto [error, got] = co_await stream.async_read_some(asio::buffer(into.data(), into.size()), kAwait);
  deadline.stop();
  if (error == asio::error::eof) co_return std::size_t{0};
  if (error) co_return failure("reading from the connection", error, deadline);
  co_return got;
}

template <typename AsioStream>
Task<Result<void>> write(AsioStream& stream, ByteView bytes, Deadline& deadline) {
  deadline.start();
  const auto [error, put] = co_await asio::async_write(stream, asio::buffer(bytes.data(), bytes.size()), kAwait);
  deadline.stop();
  if (error) co_return failure("writing to the connection", error, deadline);
  co_return Result<void>{};
}

// Says that nothing more will be written and waits until the peer has closed: a socket that is closed over bytes which
// nobody has read resets the connection, and the peer may lose the last answer with it (RFC 9112 section 9.6).
inline Task<void> linger(Socket& socket) {
  error_code failed;
  socket.shutdown(Socket::shutdown_send, failed);
  std::array<std::byte, 4096> waste{};
  while (!failed && socket.is_open()) {
    const auto [error, got] = co_await socket.async_read_some(asio::buffer(waste), kAwait);
    failed = error;
  }
}

}  // namespace blindbox::net::internal
