// SPDX-License-Identifier: Apache-2.0
// Terminates attested TLS inside the enclave and relays requests to the application. It holds the keys and parses
// nothing but TLS, HTTP and the challenge.
#pragma once

#include <functional>

#include "blindbox/attested_tls/responder.h"
#include "blindbox/http/limits.h"
#include "blindbox/http/relay.h"
#include "blindbox/net/sessions.h"

namespace blindbox::gateway {

namespace internal {
struct State;
}

// The field by which the application can tell clients apart that show no API key: a random name per TLS connection,
// set here and never taken from a client.
inline constexpr std::string_view kConnectionField = "Blindbox-Connection";

// A fresh connection to the application. No two requests are under way on one, so that closing it cancels that request
// and no other, and none serves two clients. An error of ErrorKind::limit says that the application is not ready yet: the
// client gets 503 and is told to try again.
using ConnectApplication = std::function<net::Task<Result<net::Socket>>()>;

// Runs the escape attempts for a client's nonce: their result as JSON (blindbox/probe/report.h).
using Probe = std::function<net::Task<Result<std::string>>(attested_tls::Nonce)>;

// A client's connection, by the name that kConnectionField gave it, has ended after requests were relayed on it: nobody
// will show that name again. Told before the gateway counts the connection as gone, so not for long; not told of those that
// a gateway's destructor closes.
using ConnectionEnded = std::function<net::Task<void>(std::string name)>;

struct Limits {
  std::size_t connections = 1024;
  net::Duration handshake = std::chrono::seconds(10);
  net::Duration first_request = std::chrono::seconds(30);  // after the handshake
  net::Duration request_stall = http::kStallLimit;         // within a request
  net::Duration idle = std::chrono::minutes(15);           // a warm connection of an attested client
  std::chrono::hours key_lifetime{24};
  net::Duration probe_interval = std::chrono::seconds(5);  // from the end of one run to the next
  // How long a connection to the application serves one client's GETs, from its opening. Long enough that a burst does not
  // feel the opening; short, since an application that serves one connection at a time keeps all other clients waiting
  // meanwhile, and since no server ends an idle connection this early: the next request does not meet a closed one.
  net::Duration kept = std::chrono::milliseconds(100);
  http::RelayLimits relay;
};

struct Stats {
  std::uint64_t connections = 0;
  std::uint64_t challenges = 0;  // answered with evidence
  std::uint64_t probes = 0;      // runs of the escape attempts for clients
  std::uint64_t requests = 0;    // relayed to the application
  // Every byte that a client has sent inside TLS apart from challenges: what a client gave away.
  std::uint64_t application_bytes = 0;
};

class Gateway {
 public:
  // responder outlives the gateway.
  Gateway(net::Acceptor acceptor, attested_tls::Responder& responder, ConnectApplication application, Limits limits);
  Gateway(const Gateway&) = delete;
  Gateway& operator=(const Gateway&) = delete;
  ~Gateway();

  // Before start(). Without it, clients who ask for the escape attempts get 404. One run at a time, and none sooner than
  // limits.probe_interval after the last: others get 429.
  void serve_probe(Probe probe);
  // Before start(). Nobody is told otherwise.
  void tell_connection_ended(ConnectionEnded ended);
  // Makes the TLS key and begins to accept.
  [[nodiscard]] Result<void> start();
  // Lets requests under way end within the limit.
  net::Task<void> drain(net::Duration limit);
  [[nodiscard]] std::uint16_t port() const;
  [[nodiscard]] Stats stats() const;

 private:
  std::shared_ptr<internal::State> state_;
};

}  // namespace blindbox::gateway
