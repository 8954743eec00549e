// SPDX-License-Identifier: Apache-2.0
#include "blindbox/http/relay.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "blindbox/http/handler.h"
#include "blindbox/net/testing.h"

namespace blindbox::http {
namespace {

using net::testing::run;
using net::testing::ScriptedStream;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using AtEnd = ScriptedStream::AtEnd;

net::Task<Relayed> relay_one(RequestReader& client, net::Stream& client_stream, ResponseReader& upstream,
                             net::Stream& upstream_stream, RelayLimits limits) {
  auto head = co_await client.read_head(std::chrono::seconds(5));
  Relayed gone;
  gone.end = Relayed::End::client_gone;
  if (!head || !*head) co_return gone;
  co_return co_await relay(**head, client, client_stream, upstream, upstream_stream, limits);
}

struct Exchange {
  Relayed relayed;
  std::string to_upstream;
  std::string to_client;
  std::size_t writes_up = 0, writes_down = 0;
};

Exchange carry(std::deque<std::string> request, std::deque<std::string> response, AtEnd client_end = AtEnd::stays_open,
               AtEnd upstream_end = AtEnd::closes) {
  net::asio::io_context loop;
  ScriptedStream client_stream(loop.get_executor(), std::move(request), client_end);
  ScriptedStream upstream_stream(loop.get_executor(), std::move(response), upstream_end);
  RequestReader client(client_stream);
  ResponseReader upstream(upstream_stream);
  const Relayed relayed = run(loop, relay_one(client, client_stream, upstream, upstream_stream, {}));
  return {relayed, upstream_stream.written(), client_stream.written(), upstream_stream.writes(),
          client_stream.writes()};
}

Exchange carry(const std::string& request, const std::string& response, AtEnd client_end = AtEnd::stays_open,
               AtEnd upstream_end = AtEnd::closes) {
  return carry(std::deque{request}, std::deque{response}, client_end, upstream_end);
}

const std::string kGet = "GET /x HTTP/1.1\r\nHost: h\r\n\r\n";
const std::string kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

TEST(Relay, CarriesARequestAndItsAnswer) {
  const auto got = carry("POST /x?q HTTP/1.1\r\nHost: h\r\nAuthorization: key\r\nContent-Length: 3\r\n\r\nabc",
                         "HTTP/1.1 201 Fine\r\nX-A: b\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_EQ(got.to_upstream, "POST /x?q HTTP/1.1\r\nHost: h\r\nAuthorization: key\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_EQ(got.to_client, "HTTP/1.1 201 Created\r\nX-A: b\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_EQ(got.relayed.end, Relayed::End::answered);
  EXPECT_TRUE(got.relayed.client_reusable);
  EXPECT_TRUE(got.relayed.upstream_reusable);
}

TEST(Relay, WritesChunksOfItsOwnBothWays) {
  const auto got = carry(
      "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3;ext=1\r\nabc\r\n0\r\nX: trailer\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2;e\r\nok\r\n0\r\n\r\n");
  EXPECT_EQ(got.to_upstream, "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n");
  EXPECT_EQ(got.to_client, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
}

// Each write is a packet, a TLS record and a turn of everybody behind it.
TEST(Relay, WhatComesTogetherGoesOnTogether) {
  const std::string post = "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string ok = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const auto at_once = carry(post + "3\r\nabc\r\n0\r\n\r\n", ok + "1\r\nx\r\n1\r\ny\r\n0\r\n\r\n");
  EXPECT_EQ(at_once.to_upstream, post + "3\r\nabc\r\n0\r\n\r\n");
  EXPECT_EQ(at_once.to_client, ok + "2\r\nxy\r\n0\r\n\r\n");
  EXPECT_EQ(at_once.writes_up, 1U);
  EXPECT_EQ(at_once.writes_down, 1U);
  EXPECT_EQ(carry(post + "0\r\n\r\n", kOk).to_upstream, post + "0\r\n\r\n") << "a body without a byte ends as well";
}

TEST(Relay, NothingWaitsForWhatHasNotCome) {
  const std::string post = "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n";
  const std::string ok = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
  const auto in_parts = carry(std::deque<std::string>{post + "3\r", "\nabc", "\r\n0\r\n", "\r\n"},
                              std::deque<std::string>{ok, "1\r\nx\r\n", "1\r\ny\r\n", "0\r\n\r\n"});
  EXPECT_EQ(in_parts.to_upstream, post + "3\r\nabc\r\n0\r\n\r\n");
  EXPECT_EQ(in_parts.to_client, ok + "1\r\nx\r\n1\r\ny\r\n0\r\n\r\n");
  EXPECT_EQ(in_parts.writes_up, 3U);
  EXPECT_EQ(in_parts.writes_down, 4U);
  EXPECT_TRUE(in_parts.relayed.client_reusable && in_parts.relayed.upstream_reusable);
}

TEST(Relay, DropsHopByHopFieldsBothWays) {
  const auto got =
      carry("GET /x HTTP/1.1\r\nHost: h\r\nConnection: X-Hop\r\nX-Hop: 1\r\nUpgrade: h2c\r\nTE: trailers\r\n\r\n",
            "HTTP/1.1 200 OK\r\nConnection: X-Up\r\nX-Up: 1\r\nKeep-Alive: timeout=1\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_EQ(got.to_upstream, kGet);
  EXPECT_EQ(got.to_client, kOk);
}

TEST(Relay, KeepsTheTwoConnectionsIndependently) {
  const auto closing_client = carry("GET /x HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", kOk);
  EXPECT_EQ(closing_client.to_upstream, kGet) << "the client's close is no business of the upstream";
  EXPECT_THAT(closing_client.to_client, HasSubstr("Connection: close\r\n"));
  EXPECT_FALSE(closing_client.relayed.client_reusable);
  EXPECT_TRUE(closing_client.relayed.upstream_reusable);
  const auto closing_upstream = carry(kGet, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_EQ(closing_upstream.to_client, kOk);
  EXPECT_TRUE(closing_upstream.relayed.client_reusable);
  EXPECT_FALSE(closing_upstream.relayed.upstream_reusable);
}

TEST(Relay, GivesHttp10WhatItCanRead) {
  const auto streamed =
      carry("GET /x HTTP/1.0\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n");
  EXPECT_EQ(streamed.to_upstream, "GET /x HTTP/1.1\r\nHost: localhost\r\n\r\n");
  EXPECT_EQ(streamed.to_client, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nok");
  EXPECT_FALSE(streamed.relayed.client_reusable);
}

TEST(Relay, AnswersExpectContinueItself) {
  const auto got = carry("POST /x HTTP/1.1\r\nHost: h\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\nabc",
                         "HTTP/1.1 100 Continue\r\n\r\n" + kOk);
  EXPECT_EQ(got.to_upstream, "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
  EXPECT_EQ(got.to_client, "HTTP/1.1 100 Continue\r\n\r\n" + kOk);
}

TEST(Relay, AnswersWithoutABodyGetNone) {
  const std::string head = "HEAD /x HTTP/1.1\r\nHost: h\r\n\r\n";
  EXPECT_EQ(carry(head, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n").to_client,
            "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n");
  EXPECT_EQ(carry(head, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n").to_client, "HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_EQ(carry(kGet, "HTTP/1.1 204 No Content\r\n\r\n").to_client, "HTTP/1.1 204 No Content\r\n\r\n");
  const auto unchanged = carry(kGet, "HTTP/1.1 304 Not Modified\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_EQ(unchanged.to_client, "HTTP/1.1 304 Not Modified\r\n\r\n");
  EXPECT_TRUE(unchanged.relayed.client_reusable);
}

TEST(Relay, ABadBodyReachesNobodyWhole) {
  const auto got = carry("POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\nZ\r\n", kOk);
  EXPECT_EQ(got.relayed.end, Relayed::End::client_gone);
  EXPECT_EQ(got.relayed.error.kind, ErrorKind::protocol);
  EXPECT_THAT(got.to_upstream, EndsWith("3\r\nabc\r\n"));
}

TEST(Relay, AnUpstreamThatEndsIsToldApart) {
  const auto silent = carry(kGet, "");
  EXPECT_EQ(silent.relayed.end, Relayed::End::upstream_failed);
  EXPECT_FALSE(silent.relayed.answer_begun);
  EXPECT_THAT(silent.relayed.error.what, HasSubstr("closed without an answer"));
  const auto garbage = carry(kGet, "no HTTP at all\r\n\r\n");
  EXPECT_EQ(garbage.relayed.end, Relayed::End::upstream_failed);
  EXPECT_EQ(garbage.relayed.error.kind, ErrorKind::protocol);
  const auto cut = carry(kGet, "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc");
  EXPECT_EQ(cut.relayed.end, Relayed::End::upstream_failed);
  EXPECT_TRUE(cut.relayed.answer_begun);
  EXPECT_THAT(cut.to_client, EndsWith("\r\n\r\nabc"));
}

TEST(Relay, ABrokenEventStreamEndsWithAnErrorEvent) {
  const auto got = carry(
      kGet,
      "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n8\r\ndata: a\n\r\n");
  EXPECT_EQ(got.relayed.end, Relayed::End::upstream_failed);
  EXPECT_THAT(got.to_client, HasSubstr("data: a\n"));
  EXPECT_THAT(got.to_client, HasSubstr("data: {\"error\":"));
  EXPECT_THAT(got.to_client, HasSubstr("stream_broken"));
  EXPECT_THAT(got.to_client, Not(EndsWith("0\r\n\r\n"))) << "nobody may take it for whole";
  const auto plain = carry(kGet, "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n");
  EXPECT_THAT(plain.to_client, Not(HasSubstr("error")));
}

TEST(Relay, EndsWhenTheClientGoes) {
  net::asio::io_context loop;
  ScriptedStream client_stream(loop.get_executor(), {kGet}, AtEnd::closes);
  ScriptedStream upstream_stream(loop.get_executor(), {}, AtEnd::stays_open);  // would never answer
  RequestReader client(client_stream);
  ResponseReader upstream(upstream_stream);
  const Relayed relayed = run(loop, relay_one(client, client_stream, upstream, upstream_stream, {}));
  EXPECT_EQ(relayed.end, Relayed::End::client_gone);
  EXPECT_EQ(relayed.error.kind, ErrorKind::cancelled);
}

TEST(Relay, PutsItsLimitOnEachReadOfTheAnswer) {
  net::asio::io_context loop;
  ScriptedStream client_stream(loop.get_executor(), {kGet}, AtEnd::stays_open);
  ScriptedStream upstream_stream(loop.get_executor(), {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "ok"});
  RequestReader client(client_stream);
  ResponseReader upstream(upstream_stream);
  RelayLimits limits;
  limits.stall = std::chrono::milliseconds(4711);
  (void)run(loop, relay_one(client, client_stream, upstream, upstream_stream, limits));
  EXPECT_EQ(upstream_stream.read_limit(), limits.stall);
}

TEST(Relay, EndsAnAnswerThatTakesTooLong) {
  net::asio::io_context loop;
  ScriptedStream client_stream(loop.get_executor(), {kGet}, AtEnd::stays_open);
  ScriptedStream upstream_stream(
      loop.get_executor(), {"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n"},
      AtEnd::stays_open);
  RequestReader client(client_stream);
  ResponseReader upstream(upstream_stream);
  RelayLimits limits;
  limits.total = std::chrono::milliseconds(5);
  const Relayed relayed = run(loop, relay_one(client, client_stream, upstream, upstream_stream, limits));
  EXPECT_EQ(relayed.end, Relayed::End::upstream_failed);
  EXPECT_EQ(relayed.error.what, "the answer took longer than 5 ms");
  EXPECT_THAT(client_stream.written(), HasSubstr("the answer took longer than 5 ms"));
}

// Drives whatever can run now; what waits for a peer goes on waiting.
void run_ready(net::asio::io_context& loop) {
  loop.restart();
  while (loop.poll_one() > 0) {
  }
}

TEST(BackPressure, AReaderThatDoesNotReadStopsTheUpstream) {
  net::asio::io_context loop;
  ScriptedStream client_stream(loop.get_executor(), {kGet}, AtEnd::stays_open);
  client_stream.block_writes();
  ScriptedStream upstream_stream(loop.get_executor(), {"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n"});
  upstream_stream.refill([] { return std::string(kPiece, 'x'); });
  RequestReader client(client_stream);
  ResponseReader upstream(upstream_stream);
  net::asio::co_spawn(loop, relay_one(client, client_stream, upstream, upstream_stream, {}), [](auto, auto) {});
  run_ready(loop);
  EXPECT_GT(upstream_stream.taken(), 0U);
  EXPECT_LE(upstream_stream.taken(), kHeadLimit + 2 * kPiece);
}

TEST(BackPressure, AnUpstreamThatDoesNotReadStopsTheClient) {
  net::asio::io_context loop;
  ScriptedStream client_stream(loop.get_executor(), {"POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 8000000\r\n\r\n"});
  client_stream.refill([] { return std::string(kPiece, 'x'); });
  ScriptedStream upstream_stream(loop.get_executor(), {}, AtEnd::stays_open);
  upstream_stream.block_writes();
  RequestReader client(client_stream);
  ResponseReader upstream(upstream_stream);
  net::asio::co_spawn(loop, relay_one(client, client_stream, upstream, upstream_stream, {}), [](auto, auto) {});
  run_ready(loop);
  EXPECT_GT(client_stream.taken(), 0U);
  EXPECT_LE(client_stream.taken(), kHeadLimit + 2 * kPiece);
}

net::Task<bool> write_one(net::Stream& stream, const Response& response, bool bodyless) {
  const auto put = co_await write_response(stream, response, true, bodyless);
  co_return put.has_value();
}

TEST(WriteResponse, StatesLengthAndTypeAndLeavesTheBodyOutForHead) {
  net::asio::io_context loop;
  ScriptedStream stream(loop.get_executor(), {});
  const Response response{200, "text/plain", "hello", {{"Retry-After", "1"}}};
  EXPECT_TRUE(run(loop, write_one(stream, response, true)));
  EXPECT_EQ(stream.written(),
            "HTTP/1.1 200 OK\r\nRetry-After: 1\r\nContent-Type: text/plain\r\nContent-Length: 5\r\n\r\n");
  EXPECT_TRUE(run(loop, write_one(stream, response, false)));
  EXPECT_THAT(stream.written(), EndsWith("\r\n\r\nhello"));
}

}  // namespace
}  // namespace blindbox::http
