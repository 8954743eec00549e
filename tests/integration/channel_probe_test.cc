// SPDX-License-Identifier: Apache-2.0
// What the server says of its own walls travels inside the attested channel, and is covered by the evidence.
#include "blindbox/attested_tls/client.h"
#include "blindbox/attested_tls/probe_request.h"
#include "blindbox/evidence/secondary.h"
#include "blindbox/probe/report.h"
#include "channel_fixture.h"

namespace blindbox::channel {
namespace {

using ::testing::HasSubstr;

std::string report_for(const Nonce& nonce) {
  return probe::encode({nonce, {{"tcp.connect", "connect", probe::Outcome::blocked, 13, "EACCES"}}});
}

class ChannelProbe : public ChannelTest {
 protected:
  void serve_probed(gateway::Probe probe) {
    Nonce own{};
    own.fill(std::byte{1});
    const evidence::Secondary secondary{base::to_bytes(base::view(report_for(own)))};
    responder_.emplace(loop_.get_executor(), source(), manifest(), evidence::encode_secondary(secondary));
    gateway_.emplace(
        net::listen_tcp(loop_.get_executor(), {"127.0.0.1", 0}).value(), *responder_,
        [] { return net::connect_unix("/nobody"); }, gateway::Limits{});
    if (probe) gateway_->serve_probe(std::move(probe));
    ASSERT_TRUE(gateway_->start());
  }
  attested_tls::ConnectOutcome attest() { return run(loop_, outcome_of({"127.0.0.1", gateway_->port()})); }
  Task<attested_tls::ConnectOutcome> outcome_of(net::HostPort to) {
    auto outcome = co_await attested_tls::connect(to, *tls_, policy_, base::now(), {}, {});
    co_return outcome;
  }
  std::unique_ptr<net::asio::ssl::context> tls_ = attested_tls::make_client_context().value();
};

TEST_F(ChannelProbe, TheResultAtStartIsPartOfTheEvidence) {
  serve_probed({});
  const auto outcome = attest();
  ASSERT_TRUE(outcome.connection) << outcome.connection.error().what;
  const auto secondary = evidence::decode_secondary(outcome.bundle->secondary).value();
  const auto report = probe::decode(base::as_text(secondary.probe)).value();
  EXPECT_EQ(report.nonce[0], std::byte{1});
  EXPECT_EQ(report.attempts.size(), 1U);
}

// The same bundle with a better result in it: the binder no longer fits.
TEST_F(ChannelProbe, AnotherResultIsNotCovered) {
  serve_probed({});
  FarEnd far(loop_, [this](net::TlsStream& stream, Bytes challenge) -> Task<void> {
    auto encoded = co_await responder_->answer(stream.native_handle(), challenge);
    auto bundle = evidence::decode_bundle(encoded.value()).value();
    bundle.secondary.back() ^= std::byte{1};
    const std::string message = evidence_message(evidence::encode_bundle(bundle));
    (void)co_await stream.write(base::view(message));
  });
  const auto outcome = run(loop_, outcome_of({"127.0.0.1", far.port()}));
  ASSERT_FALSE(outcome.connection);
  EXPECT_THAT(outcome.connection.error().what, HasSubstr("was not made for this connection"));
}

TEST_F(ChannelProbe, AFreshRunIsForTheClientsNonce) {
  serve_probed([](Nonce nonce) -> Task<Result<std::string>> { co_return report_for(nonce); });
  const auto outcome = attest();
  ASSERT_TRUE(outcome.connection);
  Nonce nonce{};
  nonce.fill(std::byte{9});
  const auto answer = run(loop_, attested_tls::request_probe(**outcome.connection, nonce, kPatience));
  ASSERT_TRUE(answer) << answer.error().what;
  EXPECT_EQ(probe::decode(*answer).value().nonce, nonce);
  const auto again = run(loop_, attested_tls::request_probe(**outcome.connection, nonce, kPatience));
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().what, HasSubstr("a moment ago"));
}

TEST_F(ChannelProbe, AServerWithoutAttemptsSaysSo) {
  serve_probed({});
  const auto outcome = attest();
  ASSERT_TRUE(outcome.connection);
  const auto answer = run(loop_, attested_tls::request_probe(**outcome.connection, {}, kPatience));
  ASSERT_FALSE(answer);
  EXPECT_THAT(answer.error().what, HasSubstr("runs no escape attempts"));
}

}  // namespace
}  // namespace blindbox::channel
