// SPDX-License-Identifier: Apache-2.0
// Requests through the gateway, from clients of any manners.
#include "blindbox/gateway/gateway.h"

#include "blindbox/gateway/internal/testing.h"

namespace blindbox::gateway {
namespace {

TEST_F(GatewayTest, ServesRequestsAfterEvidenceOnTheSameConnection) {
  start_echo();
  auto connected = attested();
  EXPECT_TRUE(connected.client->send(kGet + "POST /infill HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab"));
  EXPECT_EQ(connected.client->receive(), "200 GET /v1/models ");
  EXPECT_EQ(connected.client->receive(), "200 POST /infill ab");
  attest(connected, nonce(2));
  EXPECT_TRUE(connected.client->send(kGet));
  EXPECT_EQ(connected.client->receive(), "200 GET /v1/models ");
  EXPECT_EQ(gateway_->stats().challenges, 2U);
  EXPECT_EQ(gateway_->stats().requests, 3U);
}

TEST_F(GatewayTest, LetsLoadBalancersAskForHealth) {
  start_echo();
  auto connected = connect();
  EXPECT_TRUE(connected.client->send("GET /health HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_EQ(connected.client->receive(), "200 GET /health ");
  EXPECT_TRUE(connected.client->send(kGet));
  EXPECT_THAT(connected.client->receive(), StartsWith("428 ")) << "health is no evidence";
}

TEST_F(GatewayTest, TellsOrchestratorsWhetherItIsReady) {
  start_echo();
  auto connected = connect();
  const std::string ready = "GET /.well-known/blindbox/ready HTTP/1.1\r\nHost: h\r\n\r\n";
  EXPECT_TRUE(connected.client->send(ready));
  EXPECT_EQ(connected.client->receive(), "200 {\"ready\":true}");
  not_ready_ = true;
  EXPECT_TRUE(connected.client->send(ready));
  EXPECT_THAT(connected.client->receive(), StartsWith("503 "));
  EXPECT_EQ(handled_, 0) << "the application hears nothing of it";
  auto after = attested();
  EXPECT_TRUE(after.client->send(ready));
  EXPECT_THAT(after.client->receive(), StartsWith("503 "));
}

TEST_F(GatewayTest, TakesEightMebibytes) {
  start([](const Request& request, ResponseSink& sink, std::stop_token) {
    sink.respond({200, "text/plain", std::to_string(request.body.size()), {}});
  });
  auto connected = attested();
  EXPECT_TRUE(connected.client->send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 8388608\r\n\r\n" +
                                     std::string(8388608, 'x')));
  EXPECT_EQ(connected.client->receive(), "200 8388608");
}

TEST_F(GatewayTest, RefusesBadHttp) {
  start_echo();
  auto connected = attested();
  EXPECT_TRUE(connected.client->send(
      "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + kGet));
  EXPECT_THAT(connected.client->receive(), StartsWith("400 "));
  EXPECT_EQ(connected.client->rest(), "");
  auto large = attested();
  EXPECT_TRUE(
      large.client->send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 8388609\r\n\r\n" + std::string(200000, 'x')));
  EXPECT_THAT(large.client->receive(), StartsWith("413 "));
  EXPECT_EQ(handled_, 0);
}

TEST_F(GatewayTest, TellsWhoeverStallsWithinARequest) {
  Limits limits;
  limits.request_stall = milliseconds(40);
  start_echo(limits);
  for (const char* begun : {"GET /v1/models HT", "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab",
                            "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\nab\n"}) {
    auto connected = attested();
    EXPECT_TRUE(connected.client->send(begun));
    EXPECT_THAT(connected.client->receive(), testing::AnyOf(StartsWith("408 {\"error\":"), StartsWith("400 ")))
        << begun;
    EXPECT_EQ(connected.client->rest(), "");
  }
  EXPECT_EQ(handled_, 0);
}

TEST_F(GatewayTest, AStallInTheHandshakeEndsTheConnection) {
  Limits limits;
  limits.handshake = milliseconds(10);
  start_echo(limits);
  EXPECT_EQ(Client(loop_, gateway_->port()).rest(), "");
}

TEST_F(GatewayTest, AStallBeforeTheFirstRequestEndsTheConnection) {
  Limits limits;
  limits.first_request = milliseconds(10);
  start_echo(limits);
  EXPECT_EQ(connect().client->rest(), "");
}

TEST_F(GatewayTest, CountsWhatClientsGiveAwayButNotTheirChallenges) {
  start_echo();
  auto connected = attested();
  attest(connected, nonce(2));
  EXPECT_EQ(gateway_->stats().application_bytes, 0U);
  EXPECT_TRUE(connected.client->send(kGet));
  EXPECT_THAT(connected.client->receive(), StartsWith("200"));
  connected.client.reset();
  run_until(loop_, [this] { return gateway_->stats().application_bytes > 0; });
  EXPECT_EQ(gateway_->stats().application_bytes, kGet.size());
}

TEST_F(GatewayTest, SpeaksTls13Alone) {
  start_echo();
  net::asio::ssl::context old(net::asio::ssl::context::tls_client);
  SSL_CTX_set_max_proto_version(old.native_handle(), TLS1_2_VERSION);
  const auto stream = dial(old);
  const auto shaken = run(loop_, stream->handshake(net::TlsStream::Role::client));
  ASSERT_FALSE(shaken);
  EXPECT_THAT(shaken.error().what, HasSubstr("the TLS handshake failed"));
  // Plain HTTP gets no answer in HTTP.
  Client plain(loop_, gateway_->port());
  EXPECT_TRUE(plain.send(kGet));
  EXPECT_THAT(plain.rest(), ::testing::Not(HasSubstr("HTTP/1.1")));
  EXPECT_EQ(handled_, 0);
}

}  // namespace
}  // namespace blindbox::gateway
