// SPDX-License-Identifier: Apache-2.0
// From an address to a connected or a listening socket.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <functional>
#include <string>
#include <string_view>

#include "blindbox/net/asio.h"
#include "blindbox/net/sessions.h"

namespace blindbox::net {

struct HostPort {
  std::string host;
  std::uint16_t port = 0;
  // "host:port", an IPv6 host in brackets.
  [[nodiscard]] std::string text() const;
};

// "127.0.0.1:8080", "[::1]:0", "name:443". ErrorKind::usage otherwise.
[[nodiscard]] Result<HostPort> parse_host_port(std::string_view text);
// "https://host:port" or "https://host" (port 443); scheme as given, nothing behind the authority but "/".
[[nodiscard]] Result<HostPort> parse_url(std::string_view url, std::string_view scheme, std::uint16_t default_port);

// Judges an address that a name led to, before anything is sent to it; an error passes over that address.
using AddressFilter = std::function<Result<void>(const asio::ip::address& address)>;
// Tries every address of the host in turn within the limit; those that the filter lets through, where there is one, and
// if there is none of them, the error is the filter's first.
Task<Result<Socket>> connect_tcp(HostPort to, Duration limit, AddressFilter filter = {});
Task<Result<Socket>> connect_unix(std::string path);

// ErrorKind::io with a hint when the port is taken.
[[nodiscard]] Result<Acceptor> listen_tcp(const Executor& executor, const HostPort& at);
// Of a TCP acceptor; 0 for another.
[[nodiscard]] std::uint16_t bound_port(const Acceptor& acceptor);

// A Unix socket for this user alone (mode 0600). A socket that nobody listens on any more is replaced; anything else at
// that path is ErrorKind::io.
[[nodiscard]] Result<Acceptor> listen_unix(const Executor& executor, const std::string& path);

}  // namespace blindbox::net
