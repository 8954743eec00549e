// SPDX-License-Identifier: Apache-2.0
// Evidence before anything else, and the key that it is about; what it is worth is judged in tests/integration.
#include <latch>

#include "blindbox/gateway/internal/testing.h"

namespace blindbox::gateway {
namespace {

TEST_F(GatewayTest, AnswersNothingBeforeEvidence) {
  start_echo();
  for (const std::string& request :
       {kGet, std::string("POST /infill HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab"),
        std::string("POST /health HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"),
        std::string("GET /health/x HTTP/1.1\r\nHost: h\r\n\r\n"),
        std::string("GET /.well-known/blindbox/attestation HTTP/1.1\r\nHost: h\r\n\r\n"),
        std::string("POST /.well-known/blindbox/attestation/ HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")}) {
    auto connected = connect();
    EXPECT_TRUE(connected.client->send(request + kGet));
    EXPECT_THAT(connected.client->receive(), StartsWith("428 {\"error\":")) << request;
    EXPECT_FALSE(connected.client->last().keep_alive);
    EXPECT_EQ(connected.client->rest(), "") << "closed";
  }
  EXPECT_EQ(handled_, 0);
  EXPECT_EQ(gateway_->stats().requests, 0U);
  auto generate = connect();
  EXPECT_TRUE(generate.client->send("POST /generate HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_THAT(generate.client->receive(), StartsWith("428 {\"detail\":"));
}

TEST_F(GatewayTest, RefusesWhatIsNoChallenge) {
  start_echo();
  for (const std::string& body : {std::string(), std::string("x"), std::string("{\"nonce\":\"00\"}"),
                                  std::string(36, 'x'), std::string(37, 'x'), std::string(100000, 'x')}) {
    auto connected = connect();
    EXPECT_TRUE(connected.client->send(challenge_of(body)));
    EXPECT_THAT(connected.client->receive(), StartsWith("400 {\"error\":")) << body.size();
    EXPECT_EQ(connected.client->rest(), "");
  }
  EXPECT_EQ(responder_->device_calls(), 0U);
  EXPECT_EQ(gateway_->stats().challenges, 0U);
}

TEST_F(GatewayTest, ADeviceThatFailsIsAClearError) {
  bool works = false;
  start_echo({}, [&works](const ByteArray<64>& data) -> Result<evidence::Evidence> {
    if (!works) return base::fail(ErrorKind::platform, "the attestation device is gone", "/dev/sev-guest");
    return evidence_about(data);
  });
  auto failed = connect();
  EXPECT_TRUE(failed.client->send(challenge_of(nonce(1)) + kGet));
  const std::string answer = failed.client->receive();
  EXPECT_THAT(answer, StartsWith("503 {\"error\":"));
  EXPECT_THAT(answer, HasSubstr("the attestation device is gone"));
  EXPECT_EQ(failed.client->rest(), "");
  works = true;
  (void)attested();
  EXPECT_EQ(handled_, 0);
}

TEST_F(GatewayTest, OneCallAnswersAllWhoCameDuringTheCallBefore) {
  constexpr unsigned kClients = 20;
  std::latch queued(1);
  start_echo({}, [&](const ByteArray<64>& data) -> Result<evidence::Evidence> {
    queued.wait();
    return evidence_about(data);
  });
  std::vector<Connected> clients;
  for (unsigned i = 0; i < kClients; ++i) {
    clients.push_back(connect());
    EXPECT_TRUE(clients[i].client->send(challenge_of(nonce(i))));
  }
  run_until(loop_, [&] { return responder_->challenges() == kClients; });
  queued.count_down();
  for (Connected& client : clients) EXPECT_THAT(client.client->receive(), StartsWith("200 "));
  EXPECT_EQ(responder_->device_calls(), 2U);
}

base::Sha256 key_of(SSL* session) {
  return attested_tls::session_facts(session, End::client, nonce(0)).value().spki_sha256;
}

TEST_F(GatewayTest, RenewsItsKeyAndKeepsSessionsThatRun) {
  Limits limits;
  limits.key_lifetime = std::chrono::hours(0);
  start_echo(limits);
  auto first = attested();
  auto second = attested();
  EXPECT_NE(key_of(first.session), key_of(second.session));
  for (Connected* connected : {&first, &second}) {
    attest(*connected, nonce(9));
    EXPECT_TRUE(connected->client->send(kGet));
    EXPECT_THAT(connected->client->receive(), StartsWith("200"));
  }
}

TEST_F(GatewayTest, KeepsItsKeyWithinItsLifetime) {
  start_echo();
  const auto first = connect(), second = connect();
  EXPECT_EQ(key_of(first.session), key_of(second.session));
}

}  // namespace
}  // namespace blindbox::gateway
