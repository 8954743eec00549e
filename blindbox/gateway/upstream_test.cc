// SPDX-License-Identifier: Apache-2.0
// Which requests share a connection to the application, and what happens when that turns out closed.
#include <boost/asio/ip/tcp.hpp>

#include "blindbox/gateway/internal/testing.h"
#include "blindbox/net/await.h"

namespace blindbox::gateway {
namespace {

const std::string kPost = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab";
const std::string kAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n";

Limits patient() {
  Limits limits;
  limits.kept = kPatience;
  return limits;
}

// One connection as the application sees it, played by hand.
class Line {
 public:
  Line(net::asio::io_context& loop, net::Socket socket) : loop_(loop), stream_(std::move(socket)), requests_(stream_) {}

  // The target of the next request; "" where the gateway closes instead.
  std::string hear() {
    const auto head = run(loop_, requests_.read_head(kPatience));
    return head && *head ? (*head)->target : "";
  }
  void say(const std::string& bytes) { EXPECT_TRUE(run(loop_, stream_.write(base::view(bytes)))); }
  void close() { stream_.close(); }

 private:
  net::asio::io_context& loop_;
  net::SocketStream stream_;
  http::RequestReader requests_;
};

net::Task<net::Socket> accept_one(net::Acceptor& acceptor) {
  net::Socket socket(acceptor.get_executor());
  const auto [error] = co_await acceptor.async_accept(socket, net::kAwait);
  EXPECT_FALSE(error);
  co_return socket;
}

class UpstreamTest : public GatewayTest {
 protected:
  void start_by_hand(Limits limits) {
    acceptor_.emplace(net::listen_tcp(loop_.get_executor(), {"127.0.0.1", 0}).value());
    start(nullptr, limits);
    application_port_ = net::testing::port_of(acceptor_->native_handle());
  }
  std::unique_ptr<Line> accept() { return std::make_unique<Line>(loop_, run(loop_, accept_one(*acceptor_))); }
  // The first request and its answer, so that the gateway keeps the line.
  std::unique_ptr<Line> served(Connected& connected) {
    EXPECT_TRUE(connected.client->send(kGet));
    auto line = accept();
    EXPECT_EQ(line->hear(), "/v1/models");
    line->say(kAnswer + "ok");
    EXPECT_EQ(connected.client->receive(), "200 ok");
    return line;
  }

  std::optional<net::Acceptor> acceptor_;
};

TEST_F(UpstreamTest, OneClientsGetsShareAConnection) {
  start_echo(patient());
  auto one = attested(), other = attested();
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(one.client->send(kGet));
    EXPECT_EQ(one.client->receive(), "200 GET /v1/models ");
  }
  EXPECT_EQ(opened_, 1);
  EXPECT_TRUE(other.client->send(kGet));
  EXPECT_EQ(other.client->receive(), "200 GET /v1/models ");
  EXPECT_EQ(opened_, 2) << "never another client's";
}

TEST_F(UpstreamTest, WhatMayNotBeRepeatedHasAConnectionOfItsOwn) {
  start_echo(patient());
  auto connected = attested();
  EXPECT_TRUE(connected.client->send(kGet + kPost + kPost));
  EXPECT_EQ(connected.client->receive(), "200 GET /v1/models ");
  EXPECT_EQ(connected.client->receive(), "200 POST /x ab");
  EXPECT_EQ(connected.client->receive(), "200 POST /x ab");
  EXPECT_EQ(opened_, 3);
  EXPECT_TRUE(connected.client->send("HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_EQ(connected.client->receive(true), "200 ");
  EXPECT_TRUE(connected.client->send("GET /x HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab"));
  EXPECT_EQ(connected.client->receive(), "200 GET /x ab");
  EXPECT_TRUE(connected.client->send(kGet));
  EXPECT_EQ(connected.client->receive(), "200 GET /v1/models ");
  EXPECT_EQ(opened_, 6);
}

TEST_F(UpstreamTest, AnotherIsOpenedWhereTheApplicationHasClosed) {
  start_by_hand(patient());
  auto connected = attested();
  served(connected)->close();
  served(connected);
}

TEST_F(UpstreamTest, ARequestThatMeetsAClosingConnectionIsPutAgainOnce) {
  start_by_hand(patient());
  auto connected = attested();
  auto line = served(connected);
  EXPECT_TRUE(connected.client->send(kGet));
  EXPECT_EQ(line->hear(), "/v1/models");
  line->close();
  line = accept();
  EXPECT_EQ(line->hear(), "/v1/models");
  line->close();
  EXPECT_THAT(connected.client->receive(), StartsWith("502 ")) << "a fresh connection that closes is an answer";
}

TEST_F(UpstreamTest, AnAnswerThatBreaksOffIsNotPutAgain) {
  start_by_hand(patient());
  auto connected = attested();
  auto line = served(connected);
  EXPECT_TRUE(connected.client->send(kGet));
  EXPECT_EQ(line->hear(), "/v1/models");
  line->say(kAnswer + "o");
  line->close();
  EXPECT_THAT(connected.client->receive(), StartsWith("200 ("));
  EXPECT_EQ(opened_, 1);
  auto other = attested();
  line = served(other);
  EXPECT_TRUE(other.client->send(kGet));
  EXPECT_EQ(line->hear(), "/v1/models");
  line->say("HTTP/1.1 200");
  line->close();
  EXPECT_THAT(other.client->receive(), StartsWith("502 ")) << "nor one that breaks off in its head";
  EXPECT_EQ(opened_, 2);
}

TEST_F(UpstreamTest, WhatNobodyAskedForIsNobodysAnswer) {
  start_by_hand(patient());
  auto connected = attested();
  auto line = served(connected);
  line->say(kAnswer + "no");
  served(connected);
  EXPECT_EQ(line->hear(), "") << "closed";
}

TEST_F(UpstreamTest, WhatComesBehindAnAnswerIsNobodysAnswer) {
  for (const std::string& answer : {kAnswer + "ok" + kAnswer + "no", std::string("HTTP/1.1 204 No Content\r\n\r\nno"),
                                    std::string("HTTP/1.1 304 Not Modified\r\n\r\n")}) {
    start_by_hand(patient());
    auto connected = attested();
    EXPECT_TRUE(connected.client->send(kGet));
    auto line = accept();
    EXPECT_EQ(line->hear(), "/v1/models");
    line->say(answer);
    EXPECT_THAT(connected.client->receive(), StartsWith(answer.substr(9, 3)));
    served(connected);
    EXPECT_EQ(line->hear(), "") << "closed: " << answer;
  }
}

TEST_F(UpstreamTest, AKeptConnectionIsClosedInTime) {
  Limits limits;
  limits.kept = milliseconds(20);
  start_by_hand(limits);
  auto connected = attested();
  EXPECT_EQ(served(connected)->hear(), "");
  served(connected);
}

TEST_F(UpstreamTest, AConnectionIsFreeAgainBeforeAnotherIsOpened) {
  start_by_hand(patient());
  auto connected = attested();
  auto line = served(connected);
  EXPECT_TRUE(connected.client->send(kPost));
  EXPECT_EQ(line->hear(), "") << "an application that serves one at a time would wait for ever";
  line = accept();
  EXPECT_EQ(line->hear(), "/x");
  line->say(kAnswer + "ok");
  EXPECT_EQ(connected.client->receive(), "200 ok");
}

}  // namespace
}  // namespace blindbox::gateway
