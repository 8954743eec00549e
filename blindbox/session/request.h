// SPDX-License-Identifier: Apache-2.0
// What a caller asks for, and the rules that it must keep: what is written goes to the server as it stands.
#pragma once

#include <string>

#include "blindbox/http/message.h"
#include "blindbox/net/asio.h"

namespace blindbox::session {

// Zero: no limit of the caller's. What the channel itself bounds, the evidence and the age of a verdict, stays bounded.
struct Limits {
  net::Duration connect{0};  // until the request begins to leave: connection, evidence and verdict
  net::Duration write{0};    // of one piece of the request
  net::Duration read{0};     // until the head of the answer, and between two pieces of its body
};

struct Request {
  std::string method = "GET";
  std::string target = "/";
  http::Fields fields{};    // those that belong to a connection, and those that state the framing, are left out
  http::Framing framing{};  // length: exactly so many bytes; chunked: any number
  std::string body{};       // the whole, or the beginning where more follows by Exchange::write
  bool more = false;
  Limits limits{};
};

// ErrorKind::usage for a method, target, name or value that HTTP cannot carry, or that would say something else at the far
// end (a line break in a value), for a body that contradicts the framing, and for TRACE and CONNECT; limit for a head that no
// server of ours takes; forbidden for the channel's own paths.
[[nodiscard]] Result<void> check_request(const Request& request);

}  // namespace blindbox::session
