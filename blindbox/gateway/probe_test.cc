// SPDX-License-Identifier: Apache-2.0
// The escape attempts that clients ask for.
#include "blindbox/attested_tls/probe_request.h"
#include "blindbox/gateway/internal/testing.h"

namespace blindbox::gateway {
namespace {

std::string probe_of(const std::string& body) {
  return "POST " + std::string(attested_tls::kProbePath) +
         " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
std::string probe_of(const Nonce& nonce) {
  return probe_of(std::string(base::as_text(attested_tls::encode_challenge(nonce))));
}

net::Task<Result<std::string>> echo_nonce(Nonce nonce) { co_return base::to_hex(nonce); }

TEST_F(GatewayTest, RunsTheEscapeAttemptsForAnAttestedClientsNonce) {
  Limits limits;
  limits.probe_interval = milliseconds(0);
  prepare_ = [](Gateway& gateway) { gateway.serve_probe(echo_nonce); };
  start_echo(limits);
  auto connected = attested();
  for (unsigned i = 3; i < 5; ++i) {
    EXPECT_TRUE(connected.client->send(probe_of(nonce(i))));
    EXPECT_EQ(connected.client->receive(), "200 " + base::to_hex(nonce(i)));
  }
  EXPECT_TRUE(connected.client->send(kGet));
  EXPECT_EQ(connected.client->receive(), "200 GET /v1/models ");
  EXPECT_EQ(gateway_->stats().probes, 2U);
  EXPECT_EQ(gateway_->stats().application_bytes, kGet.size()) << "a nonce is nothing that a client gives away";
  EXPECT_EQ(handled_, 1);
}

TEST_F(GatewayTest, RunsNoEscapeAttemptsBeforeEvidence) {
  prepare_ = [](Gateway& gateway) { gateway.serve_probe(echo_nonce); };
  start_echo();
  auto connected = connect();
  EXPECT_TRUE(connected.client->send(probe_of(nonce(1))));
  EXPECT_THAT(connected.client->receive(), StartsWith("428 "));
  EXPECT_EQ(gateway_->stats().probes, 0U);
}

TEST_F(GatewayTest, NeverLetsTheApplicationAnswerForItsWalls) {
  start_echo();
  for (const std::string& request :
       {probe_of(nonce(1)), "GET " + std::string(attested_tls::kProbePath) + " HTTP/1.1\r\nHost: h\r\n\r\n"}) {
    auto connected = attested();
    EXPECT_TRUE(connected.client->send(request));
    EXPECT_THAT(connected.client->receive(), StartsWith("404 "));
  }
  EXPECT_EQ(handled_, 0);
}

TEST_F(GatewayTest, RunsEscapeAttemptsOneAtATimeAndNotTooOften) {
  std::optional<net::testing::Latch> finish(loop_.get_executor());
  int runs = 0;
  prepare_ = [&](Gateway& gateway) {
    gateway.serve_probe([&](Nonce) -> net::Task<Result<std::string>> {
      ++runs;
      co_await finish->wait();
      co_return std::string("{}");
    });
  };
  start_echo();
  auto first = attested(), second = attested();
  EXPECT_TRUE(first.client->send(probe_of(nonce(1))));
  run_until(loop_, [&] { return runs == 1; });
  EXPECT_TRUE(second.client->send(probe_of(nonce(2))));
  EXPECT_THAT(second.client->receive(), StartsWith("429 ")) << "one runs";
  finish->set();
  EXPECT_EQ(first.client->receive(), "200 {}");
  auto third = attested();
  EXPECT_TRUE(third.client->send(probe_of(nonce(3))));
  EXPECT_THAT(third.client->receive(), StartsWith("429 ")) << "one has just run";
  EXPECT_EQ(runs, 1);
}

TEST_F(GatewayTest, TellsThatEscapeAttemptsCouldNotBeRun) {
  prepare_ = [](Gateway& gateway) {
    gateway.serve_probe([](Nonce) -> net::Task<Result<std::string>> {
      co_return base::fail(ErrorKind::platform, "no sandbox today", "with a secret in it");
    });
  };
  start_echo();
  auto connected = attested();
  EXPECT_TRUE(connected.client->send(probe_of(nonce(1))));
  const std::string answer = connected.client->receive();
  EXPECT_THAT(answer, StartsWith("503 "));
  EXPECT_THAT(answer, ::testing::Not(HasSubstr("secret")));
  auto other = attested();
  EXPECT_TRUE(other.client->send(probe_of("not a nonce")));
  EXPECT_THAT(other.client->receive(), StartsWith("400 "));
}

}  // namespace
}  // namespace blindbox::gateway
