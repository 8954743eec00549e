// SPDX-License-Identifier: Apache-2.0
// Where a request to the proxy wants to go (RFC 9112 section 3.2).
#pragma once

#include <boost/asio/ip/address.hpp>
#include <optional>
#include <string>

#include "blindbox/http/message.h"

namespace blindbox::egress {

struct Target {
  std::string host;  // lower case without a final dot, or an address in its canonical text
  std::uint16_t port = 0;
  std::optional<boost::asio::ip::address> literal;  // where host is an address
  bool tunnel = false;                              // CONNECT
  std::string path;                                 // otherwise: what the origin is asked for, "/..." or "*"
  // What a Host field says of it.
  [[nodiscard]] std::string authority() const;
};

// ErrorKind::protocol for everything but "CONNECT host:port" without a body and "METHOD http://host[:port][/...]":
// another scheme, user information, a host that is no name and no address, a port that is none.
[[nodiscard]] Result<Target> parse_target(const http::RequestHead& head);

}  // namespace blindbox::egress
