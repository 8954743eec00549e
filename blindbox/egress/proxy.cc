// SPDX-License-Identifier: Apache-2.0
#include "blindbox/egress/allow_list.h"
#include "blindbox/egress/dial.h"
#include "blindbox/egress/egress.h"
#include "blindbox/egress/tunnel.h"
#include "blindbox/http/error_body.h"
#include "blindbox/http/relay.h"

namespace blindbox::egress {
namespace {

using http::RequestHead;
using net::Task;

constexpr std::string_view kEstablished = "HTTP/1.1 200 Connection established\r\n\r\n";

// What the application is told. It knows whom it asked for; nobody else hears of it.
const char* words(Refusal refusal) {
  switch (refusal) {
    case Refusal::malformed: return "the proxy takes CONNECT host:port and http:// targets alone";
    case Refusal::not_listed: return "this host and port are not in the specification's list (egress)";
    case Refusal::literal_address: return "an address is refused unless the specification lists it literally (egress)";
    case Refusal::forbidden_address: return "the host has no address but private, local or metadata ones";
    case Refusal::not_found: return "the host's name has no address";
    case Refusal::not_connected: return "the host does not answer, or broke off";
    case Refusal::timed_out: break;
  }
  return "the host did not answer in time";
}

http::Response refusal_response(Refusal refusal) {
  const Error error{ErrorKind::forbidden, words(refusal), "", ""};
  return http::error_response("/", refusal_status(refusal), "egress_" + std::string(refusal_name(refusal)), error);
}

}  // namespace

struct internal::ProxyState {
  ProxyState(std::vector<specification::Egress> listed, Resolver& asked, Limits bounds,
             const AllowLoopbackForTests* weak)
      : allowed(std::move(listed)), resolver(asked), limits(bounds), unsafe(weak) {}

  AllowList allowed;
  Resolver& resolver;
  Limits limits;
  const AllowLoopbackForTests* unsafe;
  Stats stats;
  std::unique_ptr<net::Sessions> sessions;
};

namespace {

// One connection of the application: plain requests one after the other, or one tunnel.
using State = internal::ProxyState;

class Connection {
 public:
  Connection(std::shared_ptr<State> state, net::Socket socket, net::Session& session)
      : state_(std::move(state)),
        session_(session),
        inside_(std::move(socket)),
        reader_(inside_, state_->limits.request, http::Targets::proxied) {
    session_.own(inside_);
    ++state_->stats.connections;
  }
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  ~Connection() {
    state_->stats.bytes_out += carried_.out;
    state_->stats.bytes_in += carried_.in;
  }

  Task<void> run() {
    inside_.set_write_deadline(state_->limits.request);
    while (!session_.draining()) {
      const bool more = co_await serve_one();
      if (!more) break;
    }
    co_await inside_.shut_down();
  }

 private:
  Task<bool> serve_one() {
    auto head = co_await reader_.read_head(state_->limits.keep);
    if (!head && head.error().kind == ErrorKind::network) co_return false;
    if (!head) {
      state_->stats.count(Refusal::malformed);
      const auto response = http::error_response("/", http::status_for(head.error()), "egress_malformed", head.error());
      (void)co_await http::write_response(inside_, response, false);
      co_return false;
    }
    if (!*head) co_return false;
    session_.set_busy(true);
    const bool more = co_await dispatch(**head);
    session_.set_busy(false);
    co_return more;
  }

  // The connection ends with it: nothing that may follow is taken for a request.
  Task<bool> refuse(Refusal refusal) {
    state_->stats.count(refusal);
    const auto response = refusal_response(refusal);
    (void)co_await http::write_response(inside_, response, false);
    co_return false;
  }

  Task<bool> dispatch(RequestHead& head) {
    const auto target = parse_target(head);
    if (!target) co_return co_await refuse(Refusal::malformed);
    // A client that speaks before the tunnel stands may have meant another server's answer.
    if (target->tunnel && reader_.bytes_received() != reader_.bytes_consumed()) {
      co_return co_await refuse(Refusal::malformed);
    }
    if (!state_->allowed.allows(*target)) {
      co_return co_await refuse(target->literal ? Refusal::literal_address : Refusal::not_listed);
    }
    auto dialled = co_await dial(*target, state_->resolver, state_->limits, state_->unsafe);
    if (!dialled.socket) co_return co_await refuse(dialled.refusal);
    net::SocketStream outside(std::move(*dialled.socket));
    if (!target->tunnel) co_return co_await forward(head, *target, outside);
    ++state_->stats.tunnels;
    const auto put = co_await inside_.write(base::view(kEstablished));
    if (put) co_await tunnel(inside_, outside, state_->limits.idle, carried_);
    co_return false;
  }

  Task<bool> forward(RequestHead& head, const Target& target, net::SocketStream& outside) {
    head.target = target.path;
    std::erase_if(head.fields, [](const auto& field) {
      return http::equal_names(field.first, "host") || http::equal_names(field.first, "proxy-connection") ||
             http::equal_names(field.first, "proxy-authorization");
    });
    // RFC 9112 section 3.2.2: a proxy replaces the Host that it was sent by the target's.
    head.fields.insert(head.fields.begin(), {"Host", target.authority()});
    http::ResponseReader answers(outside, state_->limits.idle);
    http::RelayLimits limits;
    limits.first_byte = limits.stall = limits.upload = state_->limits.idle;
    const auto relayed = co_await http::relay(head, reader_, inside_, answers, outside, limits);
    outside.close();
    if (relayed.end == http::Relayed::End::answered) {
      ++state_->stats.requests;
      co_return relayed.client_reusable;
    }
    if (relayed.answer_begun || relayed.error.kind == ErrorKind::cancelled) co_return false;
    if (relayed.end == http::Relayed::End::client_gone) {
      state_->stats.count(Refusal::malformed);
      const auto response =
          http::error_response("/", http::status_for(relayed.error), "egress_malformed", relayed.error);
      (void)co_await http::write_response(inside_, response, false);
      co_return false;
    }
    const bool late = relayed.error.what.find("timed out") != std::string::npos;
    co_return co_await refuse(late ? Refusal::timed_out : Refusal::not_connected);
  }

  std::shared_ptr<State> state_;
  net::Session& session_;
  net::SocketStream inside_;
  http::RequestReader reader_;
  Carried carried_;
};

}  // namespace

Proxy::Proxy(net::Acceptor acceptor, std::vector<specification::Egress> allowed, Resolver& resolver, Limits limits,
             const AllowLoopbackForTests* unsafe)
    : state_(std::make_shared<State>(std::move(allowed), resolver, limits, unsafe)) {
  state_->sessions = std::make_unique<net::Sessions>(
      std::move(acceptor), limits.connections,
      [weak = std::weak_ptr(state_)](net::Socket socket, net::Session& session) -> Task<void> {
        if (const auto state = weak.lock()) {
          const auto connection = std::make_unique<Connection>(state, std::move(socket), session);
          co_await connection->run();
        }
      });
}

Proxy::~Proxy() { state_->sessions.reset(); }

void Proxy::start() { state_->sessions->start(); }

Task<void> Proxy::drain(net::Duration limit) { return state_->sessions->drain(limit); }

Stats Proxy::stats() const { return state_->stats; }

}  // namespace blindbox::egress
