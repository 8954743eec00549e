// SPDX-License-Identifier: Apache-2.0
#include "blindbox/attested_tls/client.h"

#include <ctime>

#include <boost/asio/steady_timer.hpp>

#include "blindbox/attested_tls/challenge.h"
#include "blindbox/evidence/bundle.h"
#include "blindbox/verifier/report_text.h"
#include "blindbox/verifier/verify.h"

namespace blindbox::attested_tls {
namespace {

using std::chrono::steady_clock;

std::chrono::microseconds since(steady_clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::microseconds>(steady_clock::now() - start);
}

// Goes on while the machine sleeps, where the steady clock stands still: a verdict ages in the lid-closed hours too.
std::chrono::nanoseconds boot_time() {
  timespec now{};
  ::clock_gettime(CLOCK_BOOTTIME, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

Nonce fresh_nonce() {
  const Bytes random = base::random_bytes(kNonceSize);
  Nonce nonce;
  std::copy(random.begin(), random.end(), nonce.begin());
  return nonce;
}

tl::unexpected<Error> not_a_blindbox(std::string detail) {
  return base::fail(ErrorKind::protocol, "the server is not a BlindBox", std::move(detail),
                    "the URL must name a \"blindbox serve\"");
}

// M1 out, M3 in. The request carries nothing but the nonce.
net::Task<Result<evidence::Bundle>> exchange(net::TlsStream& stream, http::ResponseReader& reader, const Nonce& nonce,
                                             net::Duration limit) {
  const Bytes challenge = encode_challenge(nonce);
  http::RequestHead head{"POST",
                         std::string(kAttestationPath),
                         {{"Host", "blindbox"}, {"Content-Type", std::string(kCbor)}},
                         {http::Framing::Kind::length, challenge.size()}};
  std::string text = http::write_head(head);
  text += base::as_text(challenge);
  stream.set_write_deadline(limit);
  // A server that trickles its evidence is cut off as a whole, not from byte to byte.
  net::Deadline overall(stream.executor(), [&stream] { stream.close(); });
  overall.limit(limit);
  overall.start();
  const auto stalled = [&] {
    return base::fail(ErrorKind::network,
                      "the server sent no evidence within " + std::to_string(limit.count()) + " ms");
  };
  if (auto put = co_await stream.write(base::view(text)); !put) co_return base::pass_on(put);
  auto answer = co_await reader.read_head(limit);
  if (!answer && (overall.expired() || answer.error().what.find("timed out") != std::string::npos)) co_return stalled();
  if (!answer && answer.error().kind == ErrorKind::network) co_return base::pass_on(answer);
  if (!answer) co_return not_a_blindbox(answer.error().what);
  if (!*answer) co_return not_a_blindbox("it closed the connection without an answer to the challenge");
  if ((*answer)->status == 503) {
    co_return base::fail(ErrorKind::platform, "the server has no evidence", "it answered the challenge with status 503",
                         "its attestation device is missing or fails; the server's log says more");
  }
  if ((*answer)->status != 200 || http::find_field((*answer)->fields, "content-type") != kCbor) {
    co_return not_a_blindbox("it answered the challenge with status " + std::to_string((*answer)->status));
  }
  auto body = co_await reader.read_whole_body(evidence::kBundleCap);
  if (!body && overall.expired()) co_return stalled();
  if (!body && body.error().kind == ErrorKind::limit) {
    co_return base::fail(ErrorKind::malformed,
                         "the evidence bundle is larger than " + std::to_string(evidence::kBundleCap) + " bytes");
  }
  if (!body) co_return base::pass_on(body);
  co_return evidence::decode_bundle(base::view(*body));
}

struct Judgement {
  std::optional<verifier::Verdict> verdict;
  Error error;  // when there is no verdict
  std::chrono::nanoseconds asked{0};
  std::optional<evidence::Bundle> bundle{};
};

// Nothing of the bundle is believed here: expected values come from this end's own TLS state.
net::Task<Judgement> challenge_and_judge(net::TlsStream& stream, http::ResponseReader& reader,
                                         const policy::Policy& policy, base::Time now, net::Duration limit,
                                         CompleteEvidence complete, Timings& timings) {
  const Nonce nonce = fresh_nonce();
  auto facts = session_facts(stream.native_handle(), End::client, nonce);
  if (!facts) co_return Judgement{{}, facts.error()};
  Judgement judgement;
  judgement.asked = boot_time();
  const auto asked = steady_clock::now();
  auto bundle = co_await exchange(stream, reader, nonce, limit);
  timings.evidence = since(asked);
  if (!bundle) {
    judgement.error = bundle.error();
    co_return judgement;
  }
  if (complete) {
    const auto begun = steady_clock::now();
    auto completed = co_await complete(std::move(bundle->primary));
    timings.endorsements = since(begun);
    if (!completed) {
      judgement.error = completed.error();
      co_return judgement;
    }
    bundle->primary = std::move(*completed);
  }
  const auto start = steady_clock::now();
  const auto own =
      binder({nonce, facts->exporter, facts->spki_sha256, bundle->manifest, bundle->hpke, bundle->secondary});
  const auto root = root_from_path(own, bundle->path);
  verifier::Subject subject{.evidence = bundle->primary, .manifest = ByteView(bundle->manifest)};
  if (root) subject.expected_report_data = report_data(bundle->path.tree_size, *root);
  judgement.verdict = verifier::verify(subject, policy, now);
  timings.verification = since(start);
  judgement.bundle = std::move(*bundle);
  co_return judgement;
}

}  // namespace

AttestedConnection::AttestedConnection(std::unique_ptr<net::TlsStream> stream,
                                       std::unique_ptr<http::ResponseReader> reader, verifier::Verdict verdict,
                                       std::chrono::nanoseconds asked)
    : stream_(std::move(stream)),
      reader_(std::move(reader)),
      verdict_(std::move(verdict)),
      verdict_digest_(verifier::verdict_digest(verdict_)),
      asked_(asked) {}

std::chrono::nanoseconds AttestedConnection::verdict_age() const { return boot_time() - asked_; }

net::Task<Result<void>> AttestedConnection::attest_again(const policy::Policy& policy, base::Time now,
                                                         const ClientLimits& limits, CompleteEvidence complete) {
  Timings timings;
  auto judgement =
      co_await challenge_and_judge(*stream_, *reader_, policy, now, limits.evidence, std::move(complete), timings);
  if (judgement.verdict && judgement.verdict->accepted()) {
    verdict_ = std::move(*judgement.verdict);
    verdict_digest_ = verifier::verdict_digest(verdict_);
    asked_ = judgement.asked;
    co_return Result<void>{};
  }
  stream_->close();
  co_return tl::unexpected<Error>(judgement.verdict ? judgement.verdict->refusal() : judgement.error);
}

// The gate: the one place where an AttestedConnection is made.
struct Connecting {
  static std::unique_ptr<AttestedConnection> open(std::unique_ptr<net::TlsStream> stream,
                                                  std::unique_ptr<http::ResponseReader> reader,
                                                  verifier::Verdict verdict, std::chrono::nanoseconds asked) {
    return std::unique_ptr<AttestedConnection>(
        new AttestedConnection(std::move(stream), std::move(reader), std::move(verdict), asked));
  }
};

net::Task<ConnectOutcome> connect(const net::HostPort& to, asio::ssl::context& context, const policy::Policy& policy,
                                  base::Time now, const ClientLimits& limits, CompleteEvidence complete) {
  ConnectOutcome outcome{{}, base::fail(ErrorKind::internal, "not connected"), {}, {}};
  auto socket = co_await net::connect_tcp(to, limits.connect);
  if (!socket) {
    outcome.connection = base::pass_on(socket);
    co_return outcome;
  }
  auto stream = std::make_unique<net::TlsStream>(std::move(*socket), context);
  auto reader = std::make_unique<http::ResponseReader>(*stream);
  stream->set_read_deadline(limits.handshake);
  const auto start = steady_clock::now();
  auto shaken = co_await stream->handshake(net::TlsStream::Role::client);
  outcome.timings.handshake = since(start);
  if (!shaken) {
    outcome.connection = base::pass_on(shaken);
    co_return outcome;
  }
  auto judgement = co_await challenge_and_judge(*stream, *reader, policy, now, limits.evidence, std::move(complete),
                                                outcome.timings);
  outcome.verdict = judgement.verdict;
  outcome.bundle = std::move(judgement.bundle);
  if (!judgement.verdict) {
    outcome.connection = tl::unexpected<Error>(judgement.error);
  } else if (!judgement.verdict->accepted()) {
    outcome.connection = tl::unexpected<Error>(judgement.verdict->refusal());
  } else {
    outcome.connection =
        Connecting::open(std::move(stream), std::move(reader), std::move(*judgement.verdict), judgement.asked);
    co_return outcome;
  }
  co_await stream->shut_down();
  co_return outcome;
}

}  // namespace blindbox::attested_tls
