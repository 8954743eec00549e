// SPDX-License-Identifier: Apache-2.0
// Applications that are not there, clients that go, and the gateway's own end.
#include <boost/asio/co_spawn.hpp>
#include <semaphore>

#include "blindbox/gateway/internal/testing.h"

namespace blindbox::gateway {
namespace {

TEST_F(GatewayTest, AnApplicationThatIsNotThereIsAnError) {
  start_echo();
  auto connected = attested();
  {
    http::testing::Application gone(loop_, nullptr);
    application_port_ = gone.port();
  }
  EXPECT_TRUE(connected.client->send("POST /generate HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_THAT(connected.client->receive(), StartsWith("502 {\"detail\":\"the application does not answer"));
}

TEST_F(GatewayTest, AnApplicationThatIsNotReadyIsToBeTriedAgain) {
  start_echo();
  auto connected = attested();
  not_ready_ = true;
  EXPECT_TRUE(connected.client->send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n"));
  ASSERT_TRUE(connected.client->receive_head());
  EXPECT_EQ(connected.client->last().status, 503U);
  EXPECT_EQ(http::find_field(connected.client->last().fields, "retry-after"), "2");
  EXPECT_EQ(handled_, 0);
}

TEST_F(GatewayTest, TheEndOfAConnectionThatAskedIsTold) {
  std::string named;
  std::vector<std::string> ended;
  prepare_ = [&ended](Gateway& gateway) {
    gateway.tell_connection_ended([&ended](std::string name) -> net::Task<void> {
      ended.push_back(std::move(name));
      co_return;
    });
  };
  start([&named](const Request& request, ResponseSink& sink, std::stop_token) {
    named = http::find_field(request.fields, kConnectionField).value_or("");
    sink.respond({200, "text/plain", "ok", {}});
  });
  auto silent = attested(), asking = attested();
  EXPECT_TRUE(asking.client->send(kGet));
  EXPECT_EQ(asking.client->receive(), "200 ok");
  EXPECT_TRUE(ended.empty());
  silent.client->stream().close();
  asking.client->stream().close();
  run_until(loop_, [&ended] { return !ended.empty(); });
  while (loop_.poll_one() > 0) {
  }
  EXPECT_EQ(ended, std::vector<std::string>{named});
}

TEST_F(GatewayTest, DrainingLetsARequestEndAndClosesIdleConnections) {
  std::binary_semaphore begun(0), go_on(0);
  start([&](const Request&, ResponseSink& sink, std::stop_token) {
    sink.begin_stream(200, "text/plain");
    EXPECT_TRUE(sink.write("first"));
    begun.release();
    go_on.acquire();
    EXPECT_TRUE(sink.write("last"));
    sink.end();
  });
  auto idle = attested(), busy = attested();
  EXPECT_TRUE(busy.client->send(kGet));
  run_until(loop_, [&] { return begun.try_acquire(); });
  bool drained = false;
  net::asio::co_spawn(loop_, gateway_->drain(kPatience), [&](auto) { drained = true; });
  EXPECT_EQ(idle.client->rest(), "");
  EXPECT_FALSE(drained);
  go_on.release();
  EXPECT_EQ(busy.client->receive(), "200 firstlast");
  EXPECT_EQ(busy.client->rest(), "");
  run_until(loop_, [&] { return drained; });
  EXPECT_FALSE(run(loop_, net::connect_tcp({"127.0.0.1", gateway_->port()}, kPatience)));
}

TEST_F(GatewayTest, AClientThatGoesStopsItsRequestAndNoOther) {
  std::counting_semaphore<> begun(0), stopped(0);
  start([&](const Request& request, ResponseSink& sink, std::stop_token token) {
    if (request.target == "/v1/models") return sink.respond({200, "text/plain", "ok", {}});
    std::binary_semaphore asked(0);
    const std::stop_callback on_stop(token, [&] { asked.release(); });
    if (request.target == "/stream") {
      sink.begin_stream(200, "text/plain");
      EXPECT_TRUE(sink.write("first"));
    }
    begun.release();
    asked.acquire();
    stopped.release();
  });
  for (const char* target : {"/silent", "/stream"}) {
    auto other = attested(), going = attested();
    EXPECT_TRUE(other.client->send("GET /silent HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT_TRUE(going.client->send(std::string("GET ") + target + " HTTP/1.1\r\nHost: h\r\n\r\n"));
    for (int i = 0; i < 2; ++i) run_until(loop_, [&] { return begun.try_acquire(); });
    going.client->stream().close();  // no close_notify: the connection just breaks
    run_until(loop_, [&] { return stopped.try_acquire(); });
    EXPECT_FALSE(stopped.try_acquire()) << "the other one runs on";
    auto next = attested();
    EXPECT_TRUE(next.client->send(kGet));
    EXPECT_EQ(next.client->receive(), "200 ok");
    other.client->stream().close();
    run_until(loop_, [&] { return stopped.try_acquire(); });
  }
}

}  // namespace
}  // namespace blindbox::gateway
