// SPDX-License-Identifier: Apache-2.0
#include "blindbox/proxy/proxy.h"

#include <spdlog/spdlog.h>

#include "blindbox/http/error_body.h"
#include "blindbox/net/socket_stream.h"
#include "blindbox/proxy/guard.h"

namespace blindbox::proxy {
namespace {

using http::Relayed;
using http::RequestHead;
using net::Task;

struct Kind {
  unsigned status;
  const char* type;
};

// What an editor is told when there is no attested connection.
Kind kind_of(const Error& error) {
  switch (error.kind) {
    case ErrorKind::not_authentic: return {502, "evidence_not_authentic"};
    case ErrorKind::not_acceptable: return {502, "evidence_not_acceptable"};
    case ErrorKind::malformed: return {502, "evidence_malformed"};
    case ErrorKind::protocol: return {502, "not_a_blindbox"};
    case ErrorKind::network: return {503, "server_unreachable"};
    case ErrorKind::platform: return {503, "no_evidence"};
    default: return {500, "proxy_error"};
  }
}

}  // namespace

struct internal::State {
  State(std::shared_ptr<Pool> from, Limits bounds) : pool(std::move(from)), limits(bounds) {}
  std::shared_ptr<Pool> pool;
  Limits limits;
  std::unique_ptr<net::Sessions> sessions;
};

namespace {

using StatePtr = std::shared_ptr<internal::State>;

// One editor's connection.
class EditorSession {
 public:
  EditorSession(StatePtr state, net::Socket socket, net::Session& session)
      : state_(std::move(state)), session_(session), stream_(std::move(socket)), reader_(stream_) {
    session_.own(stream_);
    stream_.set_write_deadline(state_->limits.relay.stall);
  }

  Task<void> run() {
    // A variable, and no co_await in a condition: g++ 12 lays out a wrong frame for this function otherwise.
    bool more = true;
    while (more && !session_.draining()) more = co_await serve_one();
    co_await stream_.shut_down();
  }

 private:
  Task<bool> refuse(std::string_view target, unsigned status, std::string_view type, const Error& error) {
    (void)co_await http::write_response(stream_, http::error_response(target, status, type, error), false);
    co_return false;
  }

  Task<bool> serve_one() {
    auto head = co_await reader_.read_head(http::kIdleLimit);
    if (!head && head.error().kind == ErrorKind::network) co_return false;
    if (!head) co_return co_await refuse("/", http::status_for(head.error()), "invalid_request_error", head.error());
    if (!*head) co_return false;
    session_.set_busy(true);
    const bool more = co_await forward(**head);
    session_.set_busy(false);
    co_return more;
  }

  Task<bool> forward(RequestHead& head) {
    if (auto local = check_local_request(head); !local) {
      const bool forbidden = local.error().kind == ErrorKind::forbidden;
      co_return co_await refuse(head.target, forbidden ? 403 : 404, "invalid_request_error", local.error());
    }
    auto connection = co_await state_->pool->take();
    if (!connection) {
      const Kind kind = kind_of(connection.error());
      co_return co_await refuse(head.target, kind.status, kind.type, connection.error());
    }
    std::erase_if(head.fields, [](const auto& field) { return http::equal_names(field.first, "host"); });
    head.fields.emplace_back("Host", state_->pool->options().server.text());
    co_return co_await relay_over(head, std::move(*connection));
  }

  Task<bool> relay_over(const RequestHead& head, proxy::Connection connection) {
    net::TlsStream& upstream = connection->stream();
    const bool emulated = connection->verdict().emulated();
    http::Fields added;
    added.emplace_back(kVerdictField, emulated ? "accepted; EMULATED, NOT A TEE" : "accepted");
    // No answer outlasts its verdict.
    http::RelayLimits limits = state_->limits.relay;
    const auto age = std::chrono::duration_cast<net::Duration>(connection->verdict_age());
    limits.total = std::max(state_->pool->options().verdict_lifetime - age, net::Duration(1));
    auto relayed = co_await http::relay(head, reader_, stream_, connection->responses(), upstream, limits, &added);
    if (relayed.end == Relayed::End::answered) {
      if (relayed.upstream_reusable) state_->pool->give_back(std::move(connection));
      state_->pool->warm();
      co_return relayed.client_reusable;
    }
    upstream.close();  // HTTP/1.1 has no other way to say that nobody waits for the answer
    connection.reset();
    state_->pool->warm();
    if (relayed.answer_begun || relayed.error.kind == ErrorKind::cancelled) co_return false;
    if (relayed.end == Relayed::End::client_gone) {
      co_return co_await refuse(head.target, http::status_for(relayed.error), "invalid_request_error", relayed.error);
    }
    co_return co_await refuse(head.target, 502, "server_failed", relayed.error);
  }

  StatePtr state_;
  net::Session& session_;
  net::SocketStream stream_;
  http::RequestReader reader_;
};

Task<void> run_session(StatePtr state, net::Socket socket, net::Session& session) {
  const auto client = std::make_unique<EditorSession>(state, std::move(socket), session);
  co_await client->run();
}

}  // namespace

Proxy::Proxy(net::Acceptor acceptor, std::shared_ptr<Pool> pool, Limits limits)
    : state_(std::make_shared<internal::State>(std::move(pool), limits)) {
  state_->sessions = std::make_unique<net::Sessions>(
      std::move(acceptor), limits.connections,
      [weak = std::weak_ptr(state_)](net::Socket socket, net::Session& session) -> Task<void> {
        if (const auto state = weak.lock()) co_await run_session(state, std::move(socket), session);
      });
}

// At once, while every session's stream still exists: the last connection may outlive this object by a turn of the loop.
Proxy::~Proxy() { state_->sessions.reset(); }

void Proxy::start() { state_->sessions->start(); }

Task<void> Proxy::drain(net::Duration limit) { return state_->sessions->drain(limit); }

std::uint16_t Proxy::port() const { return state_->sessions->port(); }

}  // namespace blindbox::proxy
