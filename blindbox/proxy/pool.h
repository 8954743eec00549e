// SPDX-License-Identifier: Apache-2.0
// Attested connections kept warm. What is handed out has an accepted verdict that is younger than attest_every.
#pragma once

#include <deque>
#include <functional>

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
};

// Told of every attempt, on success and failure; for the log and the page.
using OnAttempt = std::function<void(const attested_tls::ConnectOutcome&)>;

class Pool : public std::enable_shared_from_this<Pool> {
 public:
  [[nodiscard]] static Result<std::shared_ptr<Pool>> make(PoolOptions options, OnAttempt on_attempt);

  // A warm connection, attested again where its verdict is old, or a new one.
  net::Task<Result<Connection>> take();
  // For a connection whose last answer was read to its end.
  void give_back(Connection connection);
  // Connects ahead of the next request when none is idle, in the background; failures are told by the next take().
  void warm();

  [[nodiscard]] const PoolOptions& options() const { return options_; }

 private:
  Pool(PoolOptions options, OnAttempt on_attempt, std::unique_ptr<attested_tls::asio::ssl::context> tls);
  net::Task<Result<Connection>> connect();
  net::Task<void> warm_one(net::Executor executor);

  PoolOptions options_;
  OnAttempt on_attempt_;
  std::unique_ptr<attested_tls::asio::ssl::context> tls_;
  std::deque<Connection> idle_;
  bool warming_ = false;
  std::optional<net::Executor> executor_;
};

}  // namespace blindbox::proxy
