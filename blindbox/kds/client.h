// SPDX-License-Identifier: Apache-2.0
// GET over HTTP/1.1, at the pace that the service bears.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>

#include "blindbox/http/message.h"
#include "blindbox/kds/origin.h"
#include "blindbox/kds/pace.h"

namespace blindbox::kds {

using Warn = std::function<void(const std::string&)>;

struct Response {
  unsigned status = 0;
  std::string body;
};

class Client {
 public:
  // warn, if any, hears of long waits.
  Client(Origin origin, Limits limits, Pace pace, Warn warn);

  // One call at a time. Tries again after 429 and 503 as the service asks, after other faults of its side and of the
  // network with growing pauses; every other answer comes back as it is, redirects among them. ErrorKind::network:
  // nothing came until due, in as many attempts as the limits allow, or nothing that is HTTP and within cap.
  net::Task<Result<Response>> get(std::string target, std::size_t cap, SteadyTime due);

 private:
  struct Heard {
    Response response;
    std::string retry_after;
  };
  net::Task<Result<Heard>> ask_once(std::string target, std::size_t cap, net::Duration limit);
  // How long to leave the service alone after what it said; absent: it has answered.
  [[nodiscard]] std::optional<net::Duration> pause_after(const Result<Heard>& heard, unsigned attempt);

  Origin origin_;
  Limits limits_;
  Pace pace_;
  Warn warn_;
  std::unique_ptr<net::asio::ssl::context> tls_;  // made when it is needed first: reading a trust store takes time
  bool throttled_ = false;
  SteadyTime not_before_{};  // no request goes out before it
};

}  // namespace blindbox::kds
