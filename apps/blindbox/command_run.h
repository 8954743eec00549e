// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

namespace blindbox::apps {

template <typename T>
Result<T> run(boost::asio::io_context& io, net::Task<Result<T>> task) {
  Result<T> result = base::fail(ErrorKind::cancelled, "interrupted");
  boost::asio::co_spawn(
      io,
      [](net::Task<Result<T>> inner, Result<T>& out) -> net::Task<void> { out = co_await std::move(inner); }(
                                                         std::move(task), result),
      [&io](const std::exception_ptr&) { io.stop(); });
  io.run();
  io.restart();
  return result;
}

}  // namespace blindbox::apps
