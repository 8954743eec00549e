// SPDX-License-Identifier: Apache-2.0
// Plain HTTP on a loopback address for any editor's plugin; behind it, attested connections only.
#pragma once

#include "blindbox/http/relay.h"
#include "blindbox/net/sessions.h"
#include "blindbox/proxy/pool.h"

namespace blindbox::proxy {

namespace internal {
struct State;
}

// The field by which every answer says what it came through: "accepted", or "accepted; EMULATED, NOT A TEE".
inline constexpr std::string_view kVerdictField = "Blindbox-Verdict";

struct Limits {
  std::size_t connections = 256;
  http::RelayLimits relay;
};

class Proxy {
 public:
  Proxy(net::Acceptor acceptor, std::shared_ptr<Pool> pool, Limits limits);
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;
  ~Proxy();

  void start();
  net::Task<void> drain(net::Duration limit);
  [[nodiscard]] std::uint16_t port() const;

 private:
  std::shared_ptr<internal::State> state_;
};

}  // namespace blindbox::proxy
