// SPDX-License-Identifier: Apache-2.0
// A program's way to one server: attested connections, kept warm and attested again as their verdicts age. Thread-safe.
#pragma once

#include "blindbox/attested_tls/client.h"
#include "blindbox/net/connect.h"
#include "blindbox/policy/policy.h"
#include "blindbox/session/exchange.h"

namespace blindbox::session {

namespace internal {
struct Flow;
struct Shared;
}  // namespace internal

// Where endorsements come from that the evidence lacks.
struct Endorsements {
  bool offline = false;
  std::string kds_url;                      // empty: AMD's
  std::optional<std::string> cache_folder;  // absent: the user's own; empty: none
};

// For connections and for files: fetches what is missing, a revocation list where the policy demands one. ErrorKind::usage for a
// URL that is none.
[[nodiscard]] Result<attested_tls::CompleteEvidence> evidence_completer(const Endorsements& endorsements,
                                                                        const policy::Policy& policy);

struct Options {
  net::HostPort server;
  policy::Policy policy;
  Endorsements endorsements;
  std::size_t keep = 10;  // idle connections
  net::Duration attest_every = std::chrono::minutes(5);
  net::Duration verdict_lifetime = std::chrono::minutes(10);
};

class Session {
 public:
  // Connects to nobody yet. ErrorKind::usage for endorsements that cannot be had as asked, io where there is no thread.
  [[nodiscard]] static Result<std::shared_ptr<Session>> make(Options options);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  // Idle connections are closed; exchanges that are under way go on.
  ~Session();

  // The first step is under way; its outcome brings the head of the answer unless more of the request follows. An error
  // where the request cannot be sent (check_request), the session is another process's, or the policy knows no expected
  // software and so is none for a channel.
  [[nodiscard]] Result<std::shared_ptr<Exchange>> open(Request request);
  // Connects, or attests again, and sends nothing: the outcome's verdict.
  [[nodiscard]] Result<std::shared_ptr<Exchange>> attest(net::Duration limit);
  // Behind which the last request left; nullopt before the first.
  [[nodiscard]] std::optional<verifier::Verdict> latest() const;

  // For the end of the process: stops the loop, so that nothing of it runs into the destructors of statics. Whatever is
  // under way never ends. From any thread.
  void stop();

 private:
  Session(std::shared_ptr<Loop> loop, std::shared_ptr<internal::Shared> shared, bool for_channel);
  [[nodiscard]] Result<std::shared_ptr<internal::Flow>> new_flow() const;
  std::shared_ptr<Loop> loop_;
  std::shared_ptr<internal::Shared> shared_;
  bool for_channel_;
};

}  // namespace blindbox::session
