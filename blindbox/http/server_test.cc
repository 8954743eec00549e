// SPDX-License-Identifier: Apache-2.0
#include "blindbox/http/server.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <semaphore>
#include <thread>

#include "blindbox/http/internal/answer.h"
#include "blindbox/http/testing.h"

namespace blindbox::http {
namespace {

using net::testing::run;
using net::testing::run_until;
using testing::Application;
using testing::Client;
using ::testing::HasSubstr;
using ::testing::Not;

class ServerTest : public ::testing::Test {
 protected:
  void start(Handler handler, ServerLimits limits = {}) { application_.emplace(loop_, std::move(handler), limits); }
  Client connect() { return Client(loop_, application_->port()); }

  net::asio::io_context loop_;
  std::optional<Application> application_;
};

void echo(const Request& request, ResponseSink& sink, std::stop_token) {
  sink.respond({200, "text/plain", request.method + " " + request.target + " " + request.body, {}});
}

const std::string kGet = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";

TEST_F(ServerTest, KeepsConnectionsAndAnswersPipelinedRequestsInOrder) {
  start(echo);
  Client client = connect();
  EXPECT_TRUE(
      client.send("GET /1 HTTP/1.1\r\nHost: h\r\n\r\nPOST /2 HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc"
                  "POST /3 HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nd\r\n1\r\ne\r\n0\r\n\r\n"));
  EXPECT_EQ(client.receive(), "200 GET /1 ");
  EXPECT_EQ(client.receive(), "200 POST /2 abc");
  EXPECT_EQ(client.receive(), "200 POST /3 de");
  EXPECT_TRUE(client.send("GET /4 HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"));
  EXPECT_EQ(client.receive(), "200 GET /4 ");
  EXPECT_EQ(client.rest(), "");
}

TEST_F(ServerTest, AnswersHeadWithoutABodyAndGoesOn) {
  start(echo);
  Client client = connect();
  EXPECT_TRUE(client.send("HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n" + kGet));
  EXPECT_EQ(client.receive(true), "200 ");
  EXPECT_EQ(client.last().framing.length, 8U);
  EXPECT_EQ(client.receive(), "200 GET /x ");
}

TEST_F(ServerTest, ClosesAfterHttp10) {
  start([](const Request& request, ResponseSink& sink, std::stop_token token) {
    if (request.target == "/x") return echo(request, sink, token);
    sink.begin_stream(200, "text/plain");
    EXPECT_TRUE(sink.write("a"));
    EXPECT_TRUE(sink.write("b"));
    sink.end();
  });
  for (const auto& [target, end] : {std::pair{"/x", "\r\n\r\nGET /x "}, std::pair{"/stream", "\r\n\r\nab"}}) {
    Client client = connect();
    EXPECT_TRUE(client.send(std::string("GET ") + target + " HTTP/1.0\r\n\r\n"));
    const std::string all = client.rest();
    EXPECT_THAT(all, ::testing::EndsWith(end));
    EXPECT_THAT(all, Not(HasSubstr("chunked")));
  }
}

TEST_F(ServerTest, StreamsChunkByChunk) {
  std::binary_semaphore seen(0);
  start([&](const Request&, ResponseSink& sink, std::stop_token) {
    sink.begin_stream(200, "text/event-stream");
    for (int i = 0; i < 3; ++i) {
      EXPECT_TRUE(sink.write("data: " + std::to_string(i) + "\n\n"));
      seen.acquire();  // the next one is made only when the client has this one
    }
    sink.end();
  });
  Client client = connect();
  EXPECT_TRUE(client.send(kGet));
  ASSERT_TRUE(client.receive_head());
  EXPECT_EQ(find_field(client.last().fields, "content-type"), "text/event-stream");
  EXPECT_EQ(find_field(client.last().fields, "cache-control"), "no-store");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(client.receive_piece(), "data: " + std::to_string(i) + "\n\n");
    seen.release();
  }
  EXPECT_EQ(client.receive_piece(), "");
}

TEST_F(ServerTest, SaysContinueBeforeTheBody) {
  start(echo);
  Client client = connect();
  EXPECT_TRUE(client.send("POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\n"));
  std::array<std::byte, 25> interim{};
  EXPECT_EQ(run(loop_, client.stream().read_some(interim)).value(), 25U);
  EXPECT_EQ(base::as_text(interim), "HTTP/1.1 100 Continue\r\n\r\n");
  EXPECT_TRUE(client.send("abc"));
  EXPECT_EQ(client.receive(), "200 POST /x abc");
}

TEST_F(ServerTest, TakesEightMebibytesAndNotOneByteMore) {
  start([](const Request& request, ResponseSink& sink, std::stop_token) {
    sink.respond({200, "text/plain", std::to_string(request.body.size()), {}});
  });
  Client fits = connect();
  EXPECT_TRUE(fits.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 8388608\r\n\r\n" + std::string(8388608, 'x')));
  EXPECT_EQ(fits.receive(), "200 8388608");
  // The refusal reaches a client that is still sending.
  Client over = connect();
  EXPECT_TRUE(over.send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 8388609\r\n\r\n" + std::string(100000, 'x')));
  EXPECT_THAT(over.receive(), HasSubstr("413 {\"error\":{\"code\":413"));
  Client chunked = connect();
  EXPECT_TRUE(chunked.send("POST /generate HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n800000\r\n" +
                           std::string(8388608, 'x') + "\r\n1\r\nx\r\n0\r\n\r\n"));
  EXPECT_THAT(chunked.receive(), HasSubstr("413 {\"detail\":"));
}

TEST_F(ServerTest, ReadsNoMoreLargeBodiesAtOnceThanItsLimit) {
  start(
      [](const Request& request, ResponseSink& sink, std::stop_token) {
        sink.respond({200, "text/plain", std::to_string(request.body.size()), {}});
      },
      {80, 16, 1});
  const std::string large = "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 65537\r\n";
  Client slow = connect();
  EXPECT_TRUE(slow.send(large + "Expect: 100-continue\r\n\r\n"));
  std::array<std::byte, 25> interim{};
  EXPECT_EQ(run(loop_, slow.stream().read_some(interim)).value(), 25U);
  Client other = connect();
  EXPECT_TRUE(other.send(large + "\r\n"));
  EXPECT_THAT(other.receive(), ::testing::StartsWith("503 {\"error\":"));
  EXPECT_EQ(find_field(other.last().fields, "retry-after"), "2");
  Client small = connect();
  EXPECT_TRUE(small.send(kGet));
  EXPECT_EQ(small.receive(), "200 0");
  EXPECT_TRUE(slow.send(std::string(65537, 'x')));
  EXPECT_EQ(slow.receive(), "200 65537");
  Client next = connect();
  EXPECT_TRUE(next.send(large + "\r\n" + std::string(65537, 'x')));
  EXPECT_EQ(next.receive(), "200 65537");
}

TEST_F(ServerTest, RefusesWithAnErrorAndCloses) {
  std::atomic<int> handled = 0;
  start([&](const Request& request, ResponseSink& sink, std::stop_token token) {
    ++handled;
    echo(request, sink, token);
  });
  const std::pair<std::string, const char*> table[] = {
      {"GET /x HTTP/1.1\r\nHost: h\r\nX: " + std::string(20000, 'x') + "\r\n\r\n", "431 {\"error\":"},
      {"GET /" + std::string(9000, 'x') + " HTTP/1.1\r\nHost: h\r\n\r\n", "414 {\"error\":"},
      {"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "400 {\"error\":"},
      {"POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", "400 {\"error\":"},
      {"nonsense\r\n\r\n", "400 {\"error\":"},
  };
  for (const auto& [bytes, answer] : table) {
    Client client = connect();
    EXPECT_TRUE(client.send(bytes + kGet));
    EXPECT_THAT(client.receive(), ::testing::StartsWith(answer));
    EXPECT_FALSE(client.last().keep_alive);
    EXPECT_EQ(client.rest(), "");
  }
  EXPECT_EQ(handled, 0);
}

TEST_F(ServerTest, TellsTheHandlerWhenTheClientGoes) {
  std::binary_semaphore begun(0);
  std::atomic<int> stopped = 0;
  start([&](const Request& request, ResponseSink& sink, std::stop_token token) {
    if (request.target == "/ping") return echo(request, sink, token);
    std::binary_semaphore asked(0);
    const std::stop_callback on_stop(token, [&] { asked.release(); });
    if (request.target == "/stream") {
      sink.begin_stream(200, "text/plain");
      EXPECT_TRUE(sink.write("first"));
    }
    begun.release();
    asked.acquire();
    if (request.target == "/stream") {
      EXPECT_FALSE(sink.write("nobody reads this"));
    }
    ++stopped;
  });
  const auto served = [&] { return begun.try_acquire(); };
  for (const char* target : {"/silent", "/stream"}) {
    const int before = stopped;
    std::optional<Client> client(std::in_place, loop_, application_->port());
    EXPECT_TRUE(client->send(std::string("GET ") + target + " HTTP/1.1\r\nHost: h\r\n\r\n"));
    run_until(loop_, served);
    client->stream().close();
    run_until(loop_, [&] { return stopped == before + 1; });
  }
  Client client = connect();
  EXPECT_TRUE(client.send("GET /ping HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_EQ(client.receive(), "200 GET /ping ");
}

TEST_F(ServerTest, ShuttingDownStopsHandlers) {
  std::binary_semaphore begun(0);
  std::atomic<bool> stopped = false;
  start([&](const Request&, ResponseSink& sink, std::stop_token token) {
    begun.release();
    std::binary_semaphore asked(0);
    const std::stop_callback on_stop(token, [&] { asked.release(); });
    asked.acquire();
    EXPECT_FALSE(sink.write("x"));
    stopped = true;
  });
  Client client = connect();
  EXPECT_TRUE(client.send(kGet));
  run_until(loop_, [&] { return begun.try_acquire(); });
  application_.reset();  // waits for the handler
  EXPECT_TRUE(stopped);
}

TEST_F(ServerTest, AFailingHandlerHurtsNobodyElse) {
  start([](const Request& request, ResponseSink& sink, std::stop_token token) {
    if (request.target == "/throw") throw std::runtime_error("secret detail");
    if (request.target == "/number") throw 1;
    if (request.target == "/nothing") return;
    if (request.target == "/midway") {
      sink.begin_stream(200, "text/plain");
      EXPECT_TRUE(sink.write("half"));
      throw std::runtime_error("secret detail");
    }
    echo(request, sink, token);
  });
  for (const char* target : {"/throw", "/number", "/nothing"}) {
    Client client = connect();
    EXPECT_TRUE(client.send(std::string("GET ") + target + " HTTP/1.1\r\nHost: h\r\n\r\n"));
    const std::string answer = client.receive();
    EXPECT_THAT(answer, ::testing::StartsWith("500 {\"error\":"));
    EXPECT_THAT(answer, Not(HasSubstr("secret")));
  }
  Client cut = connect();
  EXPECT_TRUE(cut.send("GET /midway HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_THAT(cut.receive(), HasSubstr("ended within the body")) << "half an answer must not look whole";
  Client fine = connect();
  EXPECT_TRUE(fine.send(kGet));
  EXPECT_EQ(fine.receive(), "200 GET /x ");
}

TEST_F(ServerTest, RefusesMoreRequestsAtOnceThanItsLimit) {
  std::counting_semaphore<> begun(0);
  std::counting_semaphore<> go_on(0);
  start(
      [&](const Request& request, ResponseSink& sink, std::stop_token token) {
        begun.release();
        go_on.acquire();
        echo(request, sink, token);
      },
      {1, 0});
  Client first = connect();
  EXPECT_TRUE(first.send(kGet));
  run_until(loop_, [&] { return begun.try_acquire(); });
  Client second = connect();
  EXPECT_TRUE(second.send(kGet));
  EXPECT_THAT(second.receive(), ::testing::StartsWith("503 {\"error\":"));
  EXPECT_EQ(find_field(second.last().fields, "retry-after"), "2");
  EXPECT_TRUE(second.send("HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_EQ(second.receive(true), "503 ");
  go_on.release();
  EXPECT_EQ(first.receive(), "200 GET /x ");
  go_on.release();
  std::string answer;
  do {  // the first handler may still be on its way out
    EXPECT_TRUE(second.send(kGet));
    answer = second.receive();
  } while (answer.starts_with("503"));
  EXPECT_EQ(answer, "200 GET /x ") << "the connection was kept";
}

// As many generations as there may be, and still the server tells whoever looks after it that it lives.
TEST_F(ServerTest, ARequestWithoutABodyFindsAPlace) {
  std::counting_semaphore<> begun(0);
  std::counting_semaphore<> go_on(0);
  start(
      [&](const Request& request, ResponseSink& sink, std::stop_token token) {
        begun.release();
        if (!request.body.empty() || request.target == "/held") go_on.acquire();
        echo(request, sink, token);
      },
      {2, 1});
  const std::string work = "POST /work HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\n\r\nx";
  Client first = connect();
  Client second = connect();
  EXPECT_TRUE(first.send(work));
  EXPECT_TRUE(second.send(work));
  for (int i = 0; i < 2; ++i) run_until(loop_, [&] { return begun.try_acquire(); });
  for (const char* head : {"GET /health HTTP/1.1\r\nHost: h\r\n\r\n", "HEAD /health HTTP/1.1\r\nHost: h\r\n\r\n",
                           "POST /health HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"}) {
    std::string answer;
    do {  // the handler before may still be on its way out
      Client health = connect();
      EXPECT_TRUE(health.send(head));
      answer = health.receive(head[0] == 'H');
    } while (answer.starts_with("503"));
    EXPECT_THAT(answer, ::testing::StartsWith("200"));
  }
  Client more = connect();
  EXPECT_TRUE(more.send(work));
  EXPECT_THAT(more.receive(), ::testing::StartsWith("503"));
  go_on.release(2);
  EXPECT_EQ(first.receive(), "200 POST /work x");
  EXPECT_EQ(second.receive(), "200 POST /work x");
}

TEST(Answer, HoldsNoMoreThanItsBound) {
  net::asio::io_context loop;
  const auto answer = std::make_shared<internal::Answer>(loop.get_executor());
  constexpr std::size_t kPiece = 64 * 1024;
  std::counting_semaphore<> written(0);
  std::thread handler([&] {
    answer->begin_stream(200, "text/plain");
    for (int i = 0; i < 100; ++i) {
      EXPECT_TRUE(answer->write(std::string(kPiece, 'x')));
      written.release();
    }
    answer->end();
  });
  for (int i = 0; i < 4; ++i) written.acquire();  // 256 KiB: from here on it waits
  std::size_t total = 0;
  while (true) {
    const auto step = run(loop, answer->next());
    EXPECT_LE(step.chunk.size(), 256 * 1024 + kPiece);
    total += step.chunk.size();
    if (step.ended) break;
  }
  handler.join();
  EXPECT_EQ(total, 100 * kPiece);
}

}  // namespace
}  // namespace blindbox::http
