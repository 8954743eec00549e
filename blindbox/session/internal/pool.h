// SPDX-License-Identifier: Apache-2.0
// Attested connections to one server, kept for the next request. What is handed out has an accepted verdict that is younger
// than attest_every. (The proxy's pool holds requests back, recovers and reports; a program has its own ways to wait.)
#pragma once

#include <deque>
#include <memory>

#include "blindbox/session/session.h"

namespace blindbox::session::internal {

using Connection = std::unique_ptr<attested_tls::AttestedConnection>;

struct Taken {
  Result<Connection> connection;
  std::optional<verifier::Verdict> verdict{};  // of a refusal
};

// Used on one loop.
class Pool : public std::enable_shared_from_this<Pool> {
 public:
  [[nodiscard]] static Result<std::shared_ptr<Pool>> make(Options options);

  // Warm, attested again where the verdict is old, or new.
  net::Task<Taken> take();
  // For a connection whose last answer was read to its end.
  void give_back(Connection connection);
  [[nodiscard]] const Options& options() const { return options_; }

 private:
  Pool(Options options, attested_tls::CompleteEvidence complete,
       std::unique_ptr<attested_tls::asio::ssl::context> context);
  Options options_;
  attested_tls::CompleteEvidence complete_;
  std::unique_ptr<attested_tls::asio::ssl::context> tls_;
  std::deque<Connection> idle_;
};

}  // namespace blindbox::session::internal
