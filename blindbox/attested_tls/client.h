// SPDX-License-Identifier: Apache-2.0
// The client's end: no user byte leaves before a full verdict. The order of the steps is docs/protocol.md's.
#pragma once

#include <functional>
#include <memory>
#include <optional>

#include "blindbox/attested_tls/tls_session.h"
#include "blindbox/evidence/bundle.h"
#include "blindbox/http/message_reader.h"
#include "blindbox/net/connect.h"
#include "blindbox/net/tls_stream.h"
#include "blindbox/policy/policy.h"
#include "blindbox/verifier/verdict.h"

namespace blindbox::attested_tls {

struct ClientLimits {
  net::Duration connect = std::chrono::seconds(10);
  net::Duration handshake = std::chrono::seconds(10);
  net::Duration evidence = std::chrono::seconds(30);  // from the challenge to the whole bundle
};

// Adds endorsements that the server's evidence lacks, from elsewhere; called between the evidence and its verdict, while
// the session waits. What it adds is judged like the rest, and it bounds its own time, below the server's patience with
// idle sessions (http::kIdleLimit). An error ends the attempt.
using CompleteEvidence = std::function<net::Task<Result<evidence::Evidence>>(evidence::Evidence)>;

// How long each step took, for whoever wants to know what attestation costs.
struct Timings {
  std::chrono::microseconds handshake{0};
  std::chrono::microseconds evidence{0};
  std::chrono::microseconds endorsements{0};
  std::chrono::microseconds verification{0};
};

// A TLS session behind an accepted verdict. There is no other way to make one, and no other way to its streams.
class AttestedConnection {
 public:
  AttestedConnection(const AttestedConnection&) = delete;
  AttestedConnection& operator=(const AttestedConnection&) = delete;

  [[nodiscard]] net::TlsStream& stream() { return *stream_; }
  [[nodiscard]] http::ResponseReader& responses() { return *reader_; }
  [[nodiscard]] const verifier::Verdict& verdict() const { return verdict_; }
  // SHA-256 of that verdict's JSON, in hexadecimal: the name by which a ledger refers to it.
  [[nodiscard]] const std::string& verdict_digest() const { return verdict_digest_; }
  // Since its challenge was sent.
  [[nodiscard]] std::chrono::nanoseconds verdict_age() const;

  // A new challenge on the same session, between two requests. On any failure the connection is closed; the error
  // names the check.
  net::Task<Result<void>> attest_again(const policy::Policy& policy, base::Time now, const ClientLimits& limits,
                                       CompleteEvidence complete);

 private:
  friend struct Connecting;
  AttestedConnection(std::unique_ptr<net::TlsStream> stream, std::unique_ptr<http::ResponseReader> reader,
                     verifier::Verdict verdict, std::chrono::nanoseconds asked);
  std::unique_ptr<net::TlsStream> stream_;
  std::unique_ptr<http::ResponseReader> reader_;
  verifier::Verdict verdict_;
  std::string verdict_digest_;
  std::chrono::nanoseconds asked_;
};

struct ConnectOutcome {
  std::optional<verifier::Verdict> verdict;  // absent when the evidence never came or could not be decoded
  Result<std::unique_ptr<AttestedConnection>> connection;
  Timings timings;
  // What the server sent, completed; to be believed as far as the verdict accepts it.
  std::optional<evidence::Bundle> bundle{};
};

// policy and context outlive the call. Without complete, evidence is judged as it came. Errors: network (nobody there,
// stalls, handshake, an endorsement that could not be had), protocol (not a BlindBox), malformed (the bundle),
// not_authentic and not_acceptable (the verdict).
net::Task<ConnectOutcome> connect(const net::HostPort& to, asio::ssl::context& context, const policy::Policy& policy,
                                  base::Time now, const ClientLimits& limits, CompleteEvidence complete);

}  // namespace blindbox::attested_tls
