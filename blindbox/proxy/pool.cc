// SPDX-License-Identifier: Apache-2.0
#include "blindbox/proxy/pool.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "blindbox/net/await.h"
#include "blindbox/verifier/report_text.h"

namespace blindbox::proxy {

namespace asio = net::asio;
using net::Task;
using std::chrono::steady_clock;

namespace {

// Evidence that was judged and refused is an answer; a connection that broke meanwhile is not.
bool is_refusal(const Error& error) {
  return error.kind == ErrorKind::not_authentic || error.kind == ErrorKind::not_acceptable ||
         error.kind == ErrorKind::malformed;
}

// Nobody there, or nothing to be had from who is: it may be better in a moment.
bool may_pass(const Error& error) { return error.kind == ErrorKind::network || error.kind == ErrorKind::platform; }

std::optional<base::Sha256> key_of(attested_tls::AttestedConnection& connection) {
  auto facts = attested_tls::session_facts(connection.stream().native_handle(), attested_tls::End::client, {});
  return facts ? std::optional(facts->spki_sha256) : std::nullopt;
}

}  // namespace

const char* standing_name(Standing standing) {
  switch (standing) {
    case Standing::connecting: return "connecting";
    case Standing::accepted: return "accepted";
    case Standing::refused: return "refused";
    case Standing::unreachable: return "unreachable";
    case Standing::paused: return "paused";
  }
  return "unknown";
}

Pool::Pool(PoolOptions options, OnAttempt on_attempt, std::unique_ptr<asio::ssl::context> tls)
    : options_(std::move(options)), on_attempt_(std::move(on_attempt)), tls_(std::move(tls)), since_(options_.now()) {}

Result<std::shared_ptr<Pool>> Pool::make(PoolOptions options, OnAttempt on_attempt) {
  auto tls = attested_tls::make_client_context();
  if (!tls) return base::pass_on(tls);
  return std::shared_ptr<Pool>(new Pool(std::move(options), std::move(on_attempt), std::move(*tls)));
}

std::chrono::nanoseconds Pool::age(const attested_tls::AttestedConnection& connection) const {
  return connection.verdict_age() + (options_.slept ? options_.slept() : std::chrono::nanoseconds(0));
}

void Pool::stand(Standing standing) {
  if (standing != standing_) since_ = options_.now();
  standing_ = standing;
  if (told_) told_();
}

void Pool::failed(const Error& error) {
  error_ = error;
  if (is_refusal(error)) {
    idle_.clear();
    stand(Standing::refused);
    cut_off(error);
  } else {
    stand(may_pass(error) ? Standing::unreachable : Standing::refused);
  }
  if (standing_ == Standing::refused) refused();
}

void Pool::note(const attested_tls::ConnectOutcome& outcome) {
  if (outcome.verdict) {
    Attestation seen{
        *outcome.verdict, verifier::verdict_digest(*outcome.verdict), {}, {}, outcome.verdict->judged_at()};
    if (outcome.bundle) seen.bundle = *outcome.bundle;
    if (outcome.connection) seen.spki_sha256 = key_of(**outcome.connection);
    attestation_ = std::make_shared<const Attestation>(std::move(seen));
  }
  if (outcome.connection) {
    error_.reset();
    refusals_ = 0;
    stand(Standing::accepted);
  } else {
    failed(outcome.connection.error());
  }
}

Task<Result<Connection>> Pool::connect() {
  const auto self = shared_from_this();
  executor_ = co_await asio::this_coro::executor;
  attempted_ = steady_clock::now();
  judging_ = standing_ == Standing::refused;
  auto outcome = co_await attested_tls::connect(options_.server, *tls_, options_.policy, options_.now(),
                                                options_.limits, options_.complete);
  judging_ = false;
  note(outcome);
  if (on_attempt_) on_attempt_(outcome);
  if (paused_) co_return base::fail(ErrorKind::platform, "the proxy is paused");
  co_return std::move(outcome.connection);
}

// The connection, if it still stands; null where it broke for a reason that says nothing of the server.
Task<Result<Connection>> Pool::renew(Connection connection) {
  auto attested =
      co_await connection->attest_again(options_.policy, options_.now(), options_.limits, options_.complete);
  if (attested) {
    if (attestation_) {
      Attestation seen = *attestation_;
      seen.verdict = connection->verdict();
      seen.digest = connection->verdict_digest();
      seen.at = seen.verdict.judged_at();
      attestation_ = std::make_shared<const Attestation>(std::move(seen));
    }
    if (told_) told_();
    co_return std::move(connection);
  }
  if (!is_refusal(attested.error())) co_return Connection();
  failed(attested.error());
  if (on_attempt_) on_attempt_({std::nullopt, tl::unexpected<Error>(attested.error()), {}});
  co_return base::pass_on(attested);
}

Task<Result<Connection>> Pool::take_once() {
  while (!idle_.empty()) {
    Connection connection = std::move(idle_.back());
    idle_.pop_back();
    if (!connection->stream().quiet()) continue;  // the server has closed it
    if (age(*connection) < options_.attest_every) co_return std::move(connection);
    auto renewed = co_await renew(std::move(connection));
    if (!renewed || *renewed) co_return std::move(renewed);
  }
  auto connected = co_await connect();
  co_return std::move(connected);
}

Task<Result<Connection>> Pool::take(std::function<bool()> gone) {
  const auto self = shared_from_this();
  executor_ = co_await asio::this_coro::executor;
  used_ = steady_clock::now();
  const auto until = used_ + options_.hold;
  while (true) {
    if (paused_) {
      co_return base::fail(ErrorKind::platform, "the proxy is paused", "",
                           "nothing leaves until it goes on: its page, or a new start, ends the pause");
    }
    if (refusal_stands()) co_return tl::unexpected<Error>(*error_);
    // While somebody looks for the server already, the others wait for what comes of it.
    if (!recovering_ || options_.hold == net::Duration::zero() || !idle_.empty()) {
      auto taken = co_await take_once();
      if (taken || !may_pass(taken.error()) || paused_) co_return std::move(taken);
      if (options_.hold == net::Duration::zero()) co_return std::move(taken);
    }
    if (waiting_.size() >= options_.most_held) {
      co_return base::fail(ErrorKind::network, "the server is away, and too many requests wait for it already",
                           error_ ? error_->what : "");
    }
    if (!recovering_) {
      recovering_ = true;
      asio::co_spawn(*executor_, recover(self), asio::detached);
    }
    const bool woken = co_await wait(until, gone);
    if (gone && gone()) co_return base::fail(ErrorKind::cancelled, "the client went away");
    if (standing_ == Standing::refused && error_) co_return tl::unexpected<Error>(*error_);
    if (!woken && idle_.empty()) {
      co_return tl::unexpected<Error>(error_.value_or(Error{ErrorKind::network, "the server is away", "", ""}));
    }
  }
}

// True when something has changed before the time was over.
Task<bool> Pool::wait(steady_clock::time_point until, const std::function<bool()>& gone) {
  constexpr auto kLook = std::chrono::milliseconds(250);  // whether whoever asked is still there
  bool woken = false;
  const auto seen = wakes_;
  asio::steady_timer timer(*executor_);
  const auto here = waiting_.insert(waiting_.end(), &timer);
  if (told_) told_();
  while (!woken && steady_clock::now() < until) {
    if (gone && gone()) break;
    timer.expires_at(std::min(until, steady_clock::now() + kLook));
    (void)co_await timer.async_wait(net::kAwait);
    woken = wakes_ != seen;  // a timer that has just fired would not tell of its cancellation
  }
  waiting_.erase(here);
  co_return woken;
}

void Pool::wake() {
  ++wakes_;
  for (asio::steady_timer* timer : waiting_) timer->cancel();
}

void Pool::cut_off(const Error& why) {
  for (Lease* lease : leases_) {
    lease->cut_ = why;
    lease->connection_->stream().close();
  }
}

void Pool::give_back(Connection connection) {
  if (!paused_ && standing_ != Standing::refused && idle_.size() < options_.keep) {
    idle_.push_back(std::move(connection));
  }
}

void Pool::warm() {
  if (warming_ || paused_ || !idle_.empty() || !executor_) return;
  warming_ = true;
  asio::co_spawn(*executor_, warm_one(*executor_), asio::detached);
}

Task<void> Pool::warm_one(net::Executor) {
  const auto self = shared_from_this();
  auto connection = co_await connect();
  warming_ = false;
  if (connection) give_back(std::move(*connection));
}

Lease::Lease(std::shared_ptr<Pool> pool, Connection connection)
    : pool_(std::move(pool)), connection_(std::move(connection)) {
  pool_->leases_.push_back(this);
}

Lease::~Lease() { std::erase(pool_->leases_, this); }

void Lease::give_back() {
  std::erase(pool_->leases_, this);
  if (!cut_) pool_->give_back(std::move(connection_));
}

}  // namespace blindbox::proxy
