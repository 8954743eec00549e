// SPDX-License-Identifier: Apache-2.0
#include "blindbox/proxy/pool.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/this_coro.hpp>

namespace blindbox::proxy {

namespace asio = net::asio;
using net::Task;

Pool::Pool(PoolOptions options, OnAttempt on_attempt, std::unique_ptr<asio::ssl::context> tls)
    : options_(std::move(options)), on_attempt_(std::move(on_attempt)), tls_(std::move(tls)) {}

Result<std::shared_ptr<Pool>> Pool::make(PoolOptions options, OnAttempt on_attempt) {
  auto tls = attested_tls::make_client_context();
  if (!tls) return base::pass_on(tls);
  return std::shared_ptr<Pool>(new Pool(std::move(options), std::move(on_attempt), std::move(*tls)));
}

Task<Result<Connection>> Pool::connect() {
  auto outcome = co_await attested_tls::connect(options_.server, *tls_, options_.policy, base::now(), options_.limits,
                                                options_.complete);
  if (on_attempt_) on_attempt_(outcome);
  co_return std::move(outcome.connection);
}

Task<Result<Connection>> Pool::take() {
  const auto self = shared_from_this();
  executor_ = co_await asio::this_coro::executor;
  while (!idle_.empty()) {
    Connection connection = std::move(idle_.back());
    idle_.pop_back();
    if (!connection->stream().quiet()) continue;  // the server has closed it
    if (connection->verdict_age() < options_.attest_every) co_return std::move(connection);
    auto attested = co_await connection->attest_again(options_.policy, base::now(), options_.limits, options_.complete);
    if (attested) co_return std::move(connection);
    // Refused evidence is an answer; a connection that broke meanwhile is not.
    if (attested.error().kind == ErrorKind::not_authentic || attested.error().kind == ErrorKind::not_acceptable) {
      idle_.clear();
      if (on_attempt_) on_attempt_({std::nullopt, tl::unexpected<Error>(attested.error()), {}});
      co_return base::pass_on(attested);
    }
  }
  co_return co_await connect();
}

void Pool::give_back(Connection connection) {
  if (idle_.size() < options_.keep) idle_.push_back(std::move(connection));
}

void Pool::warm() {
  if (warming_ || !idle_.empty() || !executor_) return;
  warming_ = true;
  asio::co_spawn(*executor_, warm_one(*executor_), asio::detached);
}

Task<void> Pool::warm_one(net::Executor) {
  const auto self = shared_from_this();
  auto connection = co_await connect();
  warming_ = false;
  if (connection) give_back(std::move(*connection));
}

}  // namespace blindbox::proxy
