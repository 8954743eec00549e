// SPDX-License-Identifier: Apache-2.0
#include "blindbox/session/internal/pool.h"
#include "blindbox/attested_tls/client.h"

namespace blindbox::session::internal {

Pool::Pool(Options options, attested_tls::CompleteEvidence complete,
           std::unique_ptr<attested_tls::asio::ssl::context> context)
    : options_(std::move(options)), complete_(std::move(complete)), tls_(std::move(context)) {}

Result<std::shared_ptr<Pool>> Pool::make(Options options) {
  auto complete = evidence_completer(options.endorsements, options.policy);
  if (!complete) return base::pass_on(complete);
  auto tls = attested_tls::make_client_context();
  if (!tls) return base::pass_on(tls);
  return std::shared_ptr<Pool>(new Pool(std::move(options), std::move(*complete), std::move(*tls)));
}

net::Task<Taken> Pool::take() {
  const auto self = shared_from_this();
  while (!idle_.empty()) {
    Connection connection = std::move(idle_.back());
    idle_.pop_back();
    if (!connection->stream().quiet()) continue;  // the server has closed it
    if (connection->verdict_age() < options_.attest_every) co_return Taken{std::move(connection)};
    auto attested = co_await connection->attest_again(options_.policy, base::now(), {}, complete_);
    if (attested) co_return Taken{std::move(connection)};
    // Closed by now. Where it was refused, a new connection's verdict tells by what, and its like are refused too.
    const ErrorKind kind = attested.error().kind;
    if (kind == ErrorKind::not_authentic || kind == ErrorKind::not_acceptable) idle_.clear();
  }
  auto outcome = co_await attested_tls::connect(options_.server, *tls_, options_.policy, base::now(), {}, complete_);
  if (outcome.connection) co_return Taken{std::move(outcome.connection)};
  if (outcome.verdict) idle_.clear();
  co_return Taken{std::move(outcome.connection), std::move(outcome.verdict)};
}

void Pool::give_back(Connection connection) {
  if (idle_.size() < options_.keep) idle_.push_back(std::move(connection));
}

}  // namespace blindbox::session::internal
