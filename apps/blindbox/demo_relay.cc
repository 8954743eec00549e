// SPDX-License-Identifier: Apache-2.0
#include "demo_relay.h"

#include <boost/asio/io_context.hpp>

#include "blindbox/attested_tls/challenge.h"
#include "blindbox/attested_tls/tls_session.h"
#include "blindbox/http/relay.h"
#include "blindbox/net/tls_stream.h"

namespace blindbox::apps {

struct DemoRelay::State {
  boost::asio::io_context io{1};
  net::HostPort server;
  std::unique_ptr<boost::asio::ssl::context> own_key;
  std::unique_ptr<boost::asio::ssl::context> client;
  std::unique_ptr<net::Sessions> sessions;
  std::atomic<std::uint64_t> challenges{0};
  std::atomic<std::uint64_t> application_bytes{0};

  net::Task<void> hand_on(const http::RequestHead& head, http::RequestReader& reader, net::Stream& victim) {
    auto socket = co_await net::connect_tcp(server, std::chrono::seconds(10));
    if (!socket) co_return;
    net::TlsStream upstream(std::move(*socket), *client);
    if (!co_await upstream.handshake(net::TlsStream::Role::client)) co_return;
    http::ResponseReader answers(upstream);
    const auto relayed = co_await http::relay(head, reader, victim, answers, upstream, {});
    if (relayed.end == http::Relayed::End::answered) ++challenges;
    upstream.close();
  }

  net::Task<void> intercept(net::Socket socket, net::Session& session) {
    net::TlsStream victim(std::move(socket), *own_key);
    session.own(victim);
    if (!co_await victim.handshake(net::TlsStream::Role::server)) co_return;
    http::RequestReader reader(victim);
    auto head = co_await reader.read_head(http::kIdleLimit);
    std::uint64_t challenge = 0;
    if (head && *head && (*head)->target == attested_tls::kAttestationPath) {
      co_await hand_on(**head, reader, victim);
      challenge = reader.bytes_consumed();
      (void)co_await reader.read_head(http::kIdleLimit);  // what the victim says next is what it gives away
    }
    application_bytes += reader.bytes_received() - challenge;
    co_await victim.shut_down();
  }
};

Result<std::unique_ptr<DemoRelay>> DemoRelay::start(const net::HostPort& listen, const net::HostPort& server) {
  std::unique_ptr<DemoRelay> relay(new DemoRelay);
  relay->state_ = std::make_unique<State>();
  State& state = *relay->state_;
  state.server = server;
  auto own_key = attested_tls::make_server_context(base::now());
  auto client = attested_tls::make_client_context();
  auto acceptor = net::listen_tcp(state.io.get_executor(), listen);
  if (!own_key || !client) return base::fail(ErrorKind::internal, "the relay cannot set up TLS");
  if (!acceptor) return base::pass_on(acceptor);
  state.own_key = std::move(*own_key);
  state.client = std::move(*client);
  state.sessions = std::make_unique<net::Sessions>(
      std::move(*acceptor), 64,
      [&state](net::Socket socket, net::Session& session) { return state.intercept(std::move(socket), session); });
  state.sessions->start();
  relay->thread_ = std::thread([&state] { state.io.run(); });
  return relay;
}

DemoRelay::~DemoRelay() {
  if (!thread_.joinable()) return;
  state_->io.stop();
  thread_.join();
}

std::uint64_t DemoRelay::challenges() const { return state_->challenges; }
std::uint64_t DemoRelay::application_bytes() const { return state_->application_bytes; }

}  // namespace blindbox::apps
