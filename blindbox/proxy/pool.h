// SPDX-License-Identifier: Apache-2.0
// Attested connections to one server, kept warm. What is handed out has an accepted verdict that is younger than
// attest_every; when the server stops being acceptable, everything that was handed out is cut off at once.
#pragma once

#include <deque>
#include <functional>
#include <list>

#include <boost/asio/steady_timer.hpp>

#include "blindbox/attested_tls/client.h"
#include "blindbox/policy/policy.h"

namespace blindbox::proxy {

using Connection = std::unique_ptr<attested_tls::AttestedConnection>;

struct PoolOptions {
  net::HostPort server;
  policy::Policy policy;
  attested_tls::ClientLimits limits;
  attested_tls::CompleteEvidence complete;  // may be empty
  // A verdict is good for its lifetime (docs/protocol.md). It is renewed before a request once it is older than
  // attest_every, so that an answer has the rest of the lifetime to stream.
  net::Duration attest_every = std::chrono::minutes(5);
  net::Duration verdict_lifetime = std::chrono::minutes(10);
  std::size_t keep = 8;  // idle connections
  // While the server cannot be reached, requests wait for it this long, so many at a time; zero: not at all.
  net::Duration hold{0};
  std::size_t most_held = 64;
  net::Duration first_backoff = std::chrono::milliseconds(250);  // http::backoff
  // The third refusal in a row answers requests this long in place of the server, each that follows twice as long, and 20
  // seconds at most: judging evidence is work for both ends, and an editor asks with every key.
  net::Duration first_refusal = std::chrono::seconds(1);
  // How often start() looks after the connections: renews verdicts before requests have to, replaces what the server
  // closed, looks for a server that is away.
  net::Duration upkeep = std::chrono::seconds(5);
  std::function<base::Time()> now = base::now;
  // Added to every verdict's age; for tests of a machine that slept.
  std::function<std::chrono::nanoseconds()> slept{};
};

// Told of every attempt, on success and failure; for the log and the page.
using OnAttempt = std::function<void(const attested_tls::ConnectOutcome&)>;

enum class Standing { connecting, accepted, refused, unreachable, paused };
[[nodiscard]] const char* standing_name(Standing standing);

// What the last attempt brought that got as far as a verdict.
struct Attestation {
  verifier::Verdict verdict;
  std::string digest;
  evidence::Bundle bundle;
  std::optional<base::Sha256> spki_sha256;  // of the accepted session's key
  base::Time at{};
};

class Pool : public std::enable_shared_from_this<Pool> {
 public:
  [[nodiscard]] static Result<std::shared_ptr<Pool>> make(PoolOptions options, OnAttempt on_attempt);

  // A warm connection, attested again where its verdict is old, or a new one. While the server is away it waits, as
  // hold says; gone is asked meanwhile, and true ends the wait with ErrorKind::cancelled. Paused: ErrorKind::platform.
  // A refused server: what it was refused for, and one request at a time asks it anew (retry_after()).
  net::Task<Result<Connection>> take(std::function<bool()> gone = {});
  // For a connection whose last answer was read to its end.
  void give_back(Connection connection);
  // Connects ahead of the next request when none is idle, in the background; failures are told by the next take().
  void warm();

  // Looks after the connections from now on, until stop().
  void start(const net::Executor& executor);
  void stop();
  // No connection at all until it is ended; requests under way are cut off.
  void pause(bool on);
  // A new verdict now, also of a server that was refused just now, on a new connection; the others are closed where they
  // are idle.
  net::Task<Result<void>> attest();

  [[nodiscard]] const PoolOptions& options() const { return options_; }
  [[nodiscard]] Standing standing() const { return paused_ ? Standing::paused : standing_; }
  [[nodiscard]] base::Time since() const { return since_; }
  [[nodiscard]] const std::optional<Error>& error() const { return error_; }
  [[nodiscard]] const std::shared_ptr<const Attestation>& attestation() const { return attestation_; }
  [[nodiscard]] std::size_t idle() const { return idle_.size(); }
  [[nodiscard]] std::size_t busy() const { return leases_.size(); }
  [[nodiscard]] std::size_t held() const { return waiting_.size(); }
  // How long the refusal that stands still answers, at least a second; nullopt unless the server was refused.
  [[nodiscard]] std::optional<std::chrono::seconds> retry_after() const;
  [[nodiscard]] std::chrono::nanoseconds age(const attested_tls::AttestedConnection& connection) const;
  // Called whenever one of the above has changed.
  void on_change(std::function<void()> told) { told_ = std::move(told); }

 private:
  friend class Lease;
  Pool(PoolOptions options, OnAttempt on_attempt, std::unique_ptr<attested_tls::asio::ssl::context> tls);
  net::Task<Result<Connection>> connect();
  net::Task<Result<Connection>> renew(Connection connection);
  net::Task<Result<Connection>> take_once();
  net::Task<bool> wait(std::chrono::steady_clock::time_point until, const std::function<bool()>& gone);
  net::Task<void> warm_one(net::Executor executor);
  static net::Task<void> recover(std::shared_ptr<Pool> self);
  static net::Task<void> look_after(std::weak_ptr<Pool> weak, net::Executor executor, net::Duration every);
  net::Task<void> upkeep_once();
  void note(const attested_tls::ConnectOutcome& outcome);
  void failed(const Error& error);
  void refused();
  [[nodiscard]] bool refusal_stands() const;
  void stand(Standing standing);
  void cut_off(const Error& why);
  void wake();
  [[nodiscard]] bool recently_used() const;

  PoolOptions options_;
  OnAttempt on_attempt_;
  std::unique_ptr<attested_tls::asio::ssl::context> tls_;
  std::deque<Connection> idle_;
  std::list<class Lease*> leases_;
  std::list<net::asio::steady_timer*> waiting_;
  std::function<void()> told_;
  Standing standing_ = Standing::connecting;
  base::Time since_{};
  std::optional<Error> error_;
  std::shared_ptr<const Attestation> attestation_;
  std::chrono::steady_clock::time_point used_{};
  std::chrono::steady_clock::time_point attempted_{};
  std::chrono::steady_clock::time_point refused_until_{};
  unsigned refusals_ = 0;  // one after the other
  bool judging_ = false;   // a server that was refused is asked anew
  std::uint64_t wakes_ = 0;
  bool paused_ = false;
  bool recovering_ = false;
  bool upkeep_ = false;
  bool warming_ = false;
  std::optional<net::Executor> executor_;
};

// A connection in use. While it lives, the pool can cut it off.
class Lease {
 public:
  Lease(std::shared_ptr<Pool> pool, Connection connection);
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease();

  attested_tls::AttestedConnection& operator*() const { return *connection_; }
  attested_tls::AttestedConnection* operator->() const { return connection_.get(); }
  // Why the pool has closed it, if it has.
  [[nodiscard]] const std::optional<Error>& cut() const { return cut_; }
  // Back to the pool, for the next request; nothing is to be done with this lease afterwards.
  void give_back();

 private:
  friend class Pool;
  std::shared_ptr<Pool> pool_;
  Connection connection_;
  std::optional<Error> cut_;
};

}  // namespace blindbox::proxy
