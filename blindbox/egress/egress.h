// SPDX-License-Identifier: Apache-2.0
// init's forward proxy: the application's only way out. CONNECT and absolute-form requests go to what the specification
// lists; names are resolved here, and connections go to exactly the addresses that were judged.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "blindbox/egress/stats.h"
#include "blindbox/net/asio.h"
#include "blindbox/net/sessions.h"
#include "blindbox/specification/specification.h"

namespace blindbox::egress {

class Resolver;
class AllowLoopbackForTests;
namespace internal {
struct ProxyState;
}

struct Limits {
  std::size_t connections = 256;
  net::Duration request = std::chrono::seconds(30);  // from a connection's first byte to a whole head
  net::Duration keep = std::chrono::minutes(2);      // a client connection without a request
  net::Duration lookup = std::chrono::seconds(5);
  net::Duration connect = std::chrono::seconds(10);  // over all addresses together
  net::Duration idle = std::chrono::minutes(15);     // a tunnel in which nothing moves; between two reads of an answer
};

class Proxy {
 public:
  // resolver outlives the proxy. unsafe is for tests alone; no specification leads to it.
  Proxy(net::Acceptor acceptor, std::vector<specification::Egress> allowed, Resolver& resolver, Limits limits = {},
        const AllowLoopbackForTests* unsafe = nullptr);
  Proxy(const Proxy&) = delete;
  Proxy& operator=(const Proxy&) = delete;
  ~Proxy();

  void start();
  // Lets what is under way end within the limit.
  net::Task<void> drain(net::Duration limit);
  [[nodiscard]] Stats stats() const;

 private:
  std::shared_ptr<internal::ProxyState> state_;
};

struct Settings {
  int listening = -1;  // a bound and listening stream socket, TCP or Unix, on the sandbox's own network; taken over
  std::vector<specification::Egress> allowed;
  Limits limits;
  // A stream descriptor, taken over: each byte read from it is answered with the counters, one line of JSON; its end
  // ends the proxy. -1: it runs until SIGTERM or SIGINT.
  int control = -1;
  net::Duration drain = std::chrono::seconds(5);
};

// Runs the proxy in this process until it is told to end: what it had counted by then. ErrorKind::io where a descriptor
// is none.
[[nodiscard]] Result<Stats> run(Settings settings);

}  // namespace blindbox::egress
