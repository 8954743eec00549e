// SPDX-License-Identifier: Apache-2.0
#include "blindbox/gateway/gateway.h"

#include <spdlog/spdlog.h>

#include "blindbox/attested_tls/challenge.h"
#include "blindbox/attested_tls/probe_request.h"
#include "blindbox/gateway/internal/upstream.h"
#include "blindbox/http/error_body.h"
#include "blindbox/net/tls_stream.h"

namespace blindbox::gateway {
namespace {

namespace asio = net::asio;
using attested_tls::kAttestationPath;
using http::Relayed;
using http::RequestHead;
using http::RequestReader;
using net::Task;
using net::TlsStream;

bool is_challenge(const RequestHead& head) { return head.method == "POST" && head.target == kAttestationPath; }

// What a load balancer may ask before any evidence: it holds no content and reaches nobody's data.
bool is_health_probe(const RequestHead& head) {
  return head.method == "GET" && head.target == "/health" && head.framing.kind == http::Framing::Kind::none;
}

// Ours to answer, for orchestrators: whether to send clients here, and nothing else.
constexpr std::string_view kReadyPath = "/.well-known/blindbox/ready";

bool is_readiness_probe(const RequestHead& head) {
  return head.method == "GET" && head.target == kReadyPath && head.framing.kind == http::Framing::Kind::none;
}

Task<bool> refuse(net::Stream& stream, std::string_view target, unsigned status, std::string_view type,
                  const Error& error) {
  (void)co_await http::write_response(stream, http::error_response(target, status, type, error), false);
  co_return false;
}

}  // namespace

struct internal::State {
  State(attested_tls::Responder& answering, ConnectApplication connect, Limits bounds)
      : responder(answering), application(std::move(connect)), limits(bounds) {}

  attested_tls::Responder& responder;
  ConnectApplication application;
  Limits limits;
  Probe probe;
  ConnectionEnded connection_ended;
  bool probing = false;
  std::optional<std::chrono::steady_clock::time_point> probed;  // when the last run ended
  std::unique_ptr<asio::ssl::context> tls;
  std::chrono::steady_clock::time_point key_made;
  Stats stats;
  std::unique_ptr<net::Sessions> sessions;

  Result<void> renew_key() {
    auto context = attested_tls::make_server_context(base::now());
    if (!context) return base::pass_on(context);
    tls = std::move(*context);  // sessions that run keep the old one alive
    key_made = std::chrono::steady_clock::now();
    return {};
  }
};

namespace {

using StatePtr = std::shared_ptr<internal::State>;

// One client's connection: the requests on it, one after the other.
class ClientSession {
 public:
  ClientSession(StatePtr state, net::Socket socket, net::Session& session)
      : state_(std::move(state)),
        session_(session),
        stream_(std::move(socket), *state_->tls),
        reader_(stream_, state_->limits.request_stall),
        upstream_(stream_.executor(), state_->application, state_->limits) {
    session_.own(stream_);
    ++state_->stats.connections;
  }

  Task<void> run() {
    stream_.set_read_deadline(state_->limits.handshake);
    stream_.set_write_deadline(state_->limits.relay.stall);
    if (auto shaken = co_await stream_.handshake(TlsStream::Role::server); !shaken) {
      spdlog::debug("gateway: {}", shaken.error().what);
      co_return stream_.close();
    }
    // Not one condition: g++ 12 miscompiles co_await behind && in a loop's condition.
    while (!session_.draining()) {
      if (!co_await serve_one()) break;
    }
    count_application_bytes();
    co_await stream_.shut_down();
    if (relayed_ && state_->connection_ended) co_await state_->connection_ended(connection_name_);
  }

 private:
  Task<bool> serve_one() {
    auto head = co_await reader_.read_head(attested_ ? state_->limits.idle : state_->limits.first_request);
    if (!head && head.error().kind == ErrorKind::network) co_return false;
    if (!head)
      co_return co_await refuse(stream_, "/", http::status_for(head.error()), "invalid_request_error", head.error());
    if (!*head) co_return false;
    session_.set_busy(true);
    const bool more = co_await dispatch(**head);
    session_.set_busy(false);
    count_application_bytes();
    co_return more;
  }

  Task<bool> dispatch(RequestHead& head) {
    if (is_challenge(head)) co_return co_await answer_challenge(head);
    if (is_readiness_probe(head)) co_return co_await answer_readiness(head);
    if (!attested_ && !is_health_probe(head)) {
      const Error error{ErrorKind::protocol, "this connection has had no evidence yet", "",
                        "connect with \"blindbox connect\", which verifies the server before it sends anything"};
      co_return co_await refuse(stream_, head.target, 428, "attestation_required", error);
    }
    // Never the application's to answer: what it said of its own walls would look like ours.
    if (head.target == attested_tls::kProbePath) co_return co_await answer_probe(head);
    co_return co_await forward(head);
  }

  Task<bool> answer_challenge(const RequestHead& head) {
    auto body = co_await reader_.read_whole_body(attested_tls::kChallengeSize);
    if (!body) co_return co_await refuse(stream_, head.target, 400, "invalid_challenge", body.error());
    auto bundle = co_await state_->responder.answer(stream_.native_handle(), base::view(*body));
    if (!bundle) {
      const bool theirs = bundle.error().kind == ErrorKind::malformed || bundle.error().kind == ErrorKind::protocol;
      if (!theirs) spdlog::error("gateway: no evidence: {}", bundle.error().what);
      co_return co_await refuse(stream_, head.target, theirs ? 400 : 503, "no_evidence", bundle.error());
    }
    attested_ = true;
    ++state_->stats.challenges;
    challenge_bytes_ += reader_.bytes_consumed() - consumed_before_;
    http::Response response{200, std::string(attested_tls::kCbor), std::string(base::as_text(*bundle)), {}};
    const auto put = co_await http::write_response(stream_, response, head.keep_alive);
    consumed_before_ = reader_.bytes_consumed();
    co_return put&& head.keep_alive;
  }

  // Nobody serves before the security processor has answered once: what can be missing is the application.
  Task<bool> answer_readiness(const RequestHead& head) {
    auto socket = co_await state_->application();
    if (!socket) {
      const Error error{ErrorKind::limit, "the application is not ready", "", ""};
      co_return co_await refuse(stream_, head.target, 503, "application_not_ready", error);
    }
    http::Response response{200, "application/json", "{\"ready\":true}", {}};
    const auto put = co_await http::write_response(stream_, response, head.keep_alive);
    co_return put&& head.keep_alive;
  }

  [[nodiscard]] bool probed_just_now() const {
    const auto now = std::chrono::steady_clock::now();
    return state_->probing || (state_->probed && now - *state_->probed < state_->limits.probe_interval);
  }

  Task<bool> answer_probe(const RequestHead& head) {
    auto body = co_await reader_.read_whole_body(attested_tls::kChallengeSize);
    if (body) challenge_bytes_ += reader_.bytes_consumed() - consumed_before_;
    if (head.method != "POST" || !state_->probe) {
      const Error error{ErrorKind::protocol, "this server runs no escape attempts", "", ""};
      co_return co_await refuse(stream_, head.target, 404, "no_probe", error);
    }
    Result<attested_tls::Nonce> nonce = base::fail(ErrorKind::malformed, "not a probe's nonce");
    if (body) nonce = attested_tls::decode_challenge(base::view(*body));
    if (!nonce) co_return co_await refuse(stream_, head.target, 400, "invalid_probe", nonce.error());
    if (probed_just_now()) {
      const Error error{ErrorKind::limit, "the escape attempts have run a moment ago", "", "try again in some seconds"};
      co_return co_await refuse(stream_, head.target, 429, "too_many_probes", error);
    }
    state_->probing = true;
    auto report = co_await state_->probe(*nonce);
    state_->probing = false;
    state_->probed = std::chrono::steady_clock::now();
    ++state_->stats.probes;
    if (!report) {
      spdlog::error("gateway: the escape attempts could not be run: {}", report.error().what);
      const Error error{ErrorKind::platform, "the escape attempts could not be run", "", ""};
      co_return co_await refuse(stream_, head.target, 503, "no_probe", error);
    }
    http::Response response{200, "application/json", std::move(*report), {}};
    const auto put = co_await http::write_response(stream_, response, head.keep_alive);
    consumed_before_ = reader_.bytes_consumed();
    co_return put&& head.keep_alive;
  }

  Task<bool> forward(RequestHead& head) {
    ++state_->stats.requests;
    relayed_ = true;
    head.fields = http::end_to_end(head.fields);  // before ours is added: a client's Connection must not name it away
    std::erase_if(head.fields, [](const auto& field) { return http::equal_names(field.first, kConnectionField); });
    head.fields.emplace_back(std::string(kConnectionField), connection_name_);
    const bool may_reuse = internal::Upstream::may_reuse(head);
    std::optional<bool> more;
    while (!more) more = co_await exchange(head, may_reuse);
    co_return *more;
  }

  // Nothing: the kept connection has been closed without a byte of an answer, and the request may be put again.
  Task<std::optional<bool>> exchange(const RequestHead& head, bool may_reuse) {
    auto taken = co_await upstream_.take(may_reuse);
    if (!taken) co_return co_await refuse_unconnected(head, taken.error());
    auto upstream = std::move(*taken);
    auto relayed =
        co_await http::relay(head, reader_, stream_, upstream->answers, upstream->stream, state_->limits.relay);
    consumed_before_ = reader_.bytes_consumed();
    // Some applications send a body with an answer that has none: it may still be on its way.
    const bool bodyless = relayed.status == 204 || relayed.status == 304;
    if (relayed.end == Relayed::End::answered && relayed.upstream_reusable && may_reuse && !bodyless) {
      upstream_.keep(std::move(upstream));
      co_return relayed.client_reusable;
    }
    upstream->stream.close();  // whatever the application still does for a client that is gone ends here
    if (relayed.end == Relayed::End::answered) co_return relayed.client_reusable;
    if (relayed.answer_begun || relayed.error.kind == ErrorKind::cancelled) co_return false;
    if (relayed.end == Relayed::End::client_gone) {
      co_return co_await refuse(stream_, head.target, http::status_for(relayed.error), "invalid_request_error",
                                relayed.error);
    }
    const bool unanswered = upstream->heard_before == upstream->answers.bytes_received();
    if (unanswered && relayed.error.kind == ErrorKind::network && !relayed.timed_out) co_return std::nullopt;
    spdlog::error("gateway: the application failed: {}", relayed.error.what);
    co_return co_await refuse(stream_, head.target, 502, "application_failed", relayed.error);
  }

  Task<bool> refuse_unconnected(const RequestHead& head, const Error& why) {
    if (why.kind == ErrorKind::limit) {
      co_return co_await refuse(stream_, head.target, 503, "application_not_ready", why);
    }
    spdlog::error("gateway: {}", why.what);
    const Error error{ErrorKind::network, "the application does not answer", "", ""};
    co_return co_await refuse(stream_, head.target, 502, "application_unavailable", error);
  }

  void count_application_bytes() {
    const std::uint64_t now = reader_.bytes_received() - challenge_bytes_;
    state_->stats.application_bytes += now - counted_;
    counted_ = now;
  }

  StatePtr state_;
  net::Session& session_;
  TlsStream stream_;
  RequestReader reader_;
  internal::Upstream upstream_;
  const std::string connection_name_ = base::to_hex(base::random_bytes(16));
  bool attested_ = false;
  bool relayed_ = false;               // a request, and with it the connection's name
  std::uint64_t consumed_before_ = 0;  // when the message at hand began
  std::uint64_t challenge_bytes_ = 0;
  std::uint64_t counted_ = 0;
};

Task<void> run_session(StatePtr state, net::Socket socket, net::Session& session) {
  if (std::chrono::steady_clock::now() - state->key_made > state->limits.key_lifetime) {
    if (auto renewed = state->renew_key(); !renewed) spdlog::error("gateway: {}", renewed.error().what);
  }
  const auto client = std::make_unique<ClientSession>(state, std::move(socket), session);
  co_await client->run();
}

}  // namespace

Gateway::Gateway(net::Acceptor acceptor, attested_tls::Responder& responder, ConnectApplication application,
                 Limits limits)
    : state_(std::make_shared<internal::State>(responder, std::move(application), limits)) {
  state_->sessions = std::make_unique<net::Sessions>(
      std::move(acceptor), limits.connections,
      [weak = std::weak_ptr(state_)](net::Socket socket, net::Session& session) -> Task<void> {
        if (const auto state = weak.lock()) co_await run_session(state, std::move(socket), session);
      });
}

// At once, while every session's stream still exists: the last connection may outlive this object by a turn of the loop.
Gateway::~Gateway() { state_->sessions.reset(); }

void Gateway::serve_probe(Probe probe) { state_->probe = std::move(probe); }

void Gateway::tell_connection_ended(ConnectionEnded ended) { state_->connection_ended = std::move(ended); }

Result<void> Gateway::start() {
  if (auto made = state_->renew_key(); !made) return made;
  state_->sessions->start();
  return {};
}

Task<void> Gateway::drain(net::Duration limit) { return state_->sessions->drain(limit); }

std::uint16_t Gateway::port() const { return state_->sessions->port(); }

Stats Gateway::stats() const { return state_->stats; }

}  // namespace blindbox::gateway
