// SPDX-License-Identifier: Apache-2.0
// What happens to requests, once the gate is open: streams, cancellation, re-attestation, and ends that disappear.
#include <semaphore>

#include "channel_fixture.h"

namespace blindbox::channel {
namespace {

using http::Request;
using http::ResponseSink;
using http::testing::Client;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ChannelStream : public ChannelTest {
 protected:
  // "/ping" is answered, "/silent" waits, everything else streams "first" and waits, until it is asked to stop.
  void serve_waiting() {
    serve([this](const Request& request, ResponseSink& sink, std::stop_token token) {
      ++handled_;
      if (request.target == "/ping") return sink.respond({200, "text/plain", "pong", {}});
      std::binary_semaphore asked(0);
      const std::stop_callback on_stop(token, [&] { asked.release(); });
      if (request.target != "/silent") {
        sink.begin_stream(200, "text/event-stream");
        EXPECT_TRUE(sink.write("data: first\n\n"));
      }
      begun_.release();
      asked.acquire();
      EXPECT_FALSE(sink.write("data: nobody reads this\n\n"));
      stopped_.release();
    });
  }
  void wait_for(std::counting_semaphore<>& semaphore) {
    run_until(loop_, [&] { return semaphore.try_acquire(); });
  }
  void expect_next_request_served() { EXPECT_EQ(ask("GET /ping HTTP/1.1\r\nHost: localhost\r\n\r\n"), "200 pong"); }
  // Gone without a word: a reset.
  Client resetting_editor() {
    auto socket = run(loop_, net::connect_tcp({"127.0.0.1", proxy_->port()}, kPatience)).value();
    socket.set_option(net::asio::socket_base::linger(true, 0));
    return Client(loop_, std::make_unique<net::SocketStream>(std::move(socket)));
  }

  std::counting_semaphore<> begun_{0}, stopped_{0};
};

TEST_F(ChannelStream, PiecesArriveAsTheyAreMade) {
  std::counting_semaphore<> seen(0);
  serve([&](const Request&, ResponseSink& sink, std::stop_token) {
    sink.begin_stream(200, "text/event-stream");
    for (int i = 0; i < 5; ++i) {
      EXPECT_TRUE(sink.write("data: " + std::to_string(i) + "\n\n"));
      seen.acquire();  // the next one is made only when the editor has this one
    }
    sink.end();
  });
  connect(gateway_->port());
  auto client = editor();
  EXPECT_TRUE(client.send(post("/infill")));
  ASSERT_TRUE(client.receive_head());
  EXPECT_EQ(http::find_field(client.last().fields, "content-type"), "text/event-stream");
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(client.receive_piece(), "data: " + std::to_string(i) + "\n\n");
    seen.release();
  }
  EXPECT_EQ(client.receive_piece(), "");
}

TEST_F(ChannelStream, CarriesManyRequestsOverOneAttestedConnection) {
  serve_echo();
  connect(gateway_->port());
  auto client = editor();
  EXPECT_TRUE(client.send(
      post("/a", "1") +
      "POST /b HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n1\r\n2\r\n1\r\n3\r\n0\r\n\r\n" +
      "HEAD /c HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  EXPECT_EQ(client.receive(), "200 POST /a 1");
  EXPECT_EQ(client.receive(), "200 POST /b 23");
  EXPECT_EQ(client.receive(true), "200 ");
  EXPECT_TRUE(client.send(
      "POST /d HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nExpect: 100-continue\r\nContent-Length: 1\r\n\r\n"));
  EXPECT_TRUE(client.send("4"));
  EXPECT_EQ(client.receive(), "200 POST /d 4");
  EXPECT_EQ(client.rest(), "");
  EXPECT_THAT(ask("GET /e HTTP/1.0\r\n\r\n"), StartsWith("200 GET /e "));
  EXPECT_EQ(gateway_->stats().connections, 1U);
  EXPECT_EQ(gateway_->stats().requests, 5U);
}

TEST_F(ChannelStream, TakesEightMebibytesAndNotOneByteMore) {
  serve([this](const Request& request, ResponseSink& sink, std::stop_token) {
    ++handled_;
    sink.respond({200, "application/octet-stream", request.body, {}});
  });
  connect(gateway_->port());
  const std::string most(8388608, 'x');
  EXPECT_EQ(ask(post("/echo", most)), "200 " + most);
  auto client = editor();
  EXPECT_TRUE(client.send("POST /echo HTTP/1.1\r\nHost: localhost\r\nContent-Length: 8388609\r\n\r\n" +
                          std::string(300000, 'x')));
  EXPECT_THAT(client.receive(), StartsWith("413 {\"error\":"));
  EXPECT_EQ(handled_, 1);
}

TEST_F(ChannelStream, AnEditorThatGoesStopsItsRequest) {
  serve_waiting();
  connect(gateway_->port());
  for (const char* target : {"/silent", "/stream"}) {
    for (const bool reset : {false, true}) {
      auto client = reset ? resetting_editor() : editor();
      EXPECT_TRUE(client.send(post(target)));
      wait_for(begun_);
      if (std::string_view(target) == "/stream") {
        ASSERT_TRUE(client.receive_head());
        EXPECT_EQ(client.receive_piece(), "data: first\n\n");
      }
      client.stream().close();
      wait_for(stopped_);
      expect_next_request_served();
    }
  }
}

TEST_F(ChannelStream, AnEditorThatGoesDuringItsUploadStartsNothing) {
  serve_waiting();
  connect(gateway_->port());
  for (const bool reset : {false, true}) {
    const int before = handled_;
    const std::uint64_t requests = gateway_->stats().requests;
    auto client = reset ? resetting_editor() : editor();
    EXPECT_TRUE(client.send("POST /stream HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000000\r\n\r\n" +
                            std::string(100000, 'x')));
    client.stream().close();
    expect_next_request_served();
    EXPECT_EQ(handled_, before + 1) << "the ping alone";
    EXPECT_EQ(gateway_->stats().requests, requests + 1) << "what never came whole never left";
  }
}

TEST_F(ChannelStream, AnEditorThatGoesWhileTheServerAttestsHurtsNobody) {
  net::testing::Latch evidence(loop_.get_executor());
  FarEnd far_end(loop_, [&](net::TlsStream& stream, Bytes challenge) -> Task<void> {
    co_await evidence.wait();
    const auto bundle = co_await responder().answer(stream.native_handle(), challenge);
    co_await reply_with(stream, evidence_message(bundle.value()));
  });
  connect(far_end.port());
  auto client = editor();
  EXPECT_TRUE(client.send(post("/infill")));
  run_until(loop_, [&] { return far_end.challenges() == 1; });
  client.stream().close();
  evidence.set();
  EXPECT_EQ(ask(post("/infill")), "200 mine");
}

TEST_F(ChannelStream, AServerThatStallsInTheStreamIsToldToTheEditor) {
  serve_waiting();
  proxy::Limits limits;
  limits.relay.stall = milliseconds(50);
  connect(gateway_->port(), limits);
  auto client = editor();
  EXPECT_TRUE(client.send(post("/stream")));
  const std::string answer = client.receive();
  EXPECT_THAT(answer, StartsWith("200 "));
  EXPECT_THAT(answer, HasSubstr("(the connection ended within the body")) << "no end that looks whole";
  wait_for(stopped_);
  expect_next_request_served();
}

TEST_F(ChannelStream, AServerThatNeverAnswersIsToldToTheEditor) {
  serve_waiting();
  proxy::Limits limits;
  limits.relay.first_byte = milliseconds(50);
  connect(gateway_->port(), limits);
  const std::string answer = ask(post("/silent"));
  EXPECT_THAT(answer, StartsWith("502 {\"error\":"));
  EXPECT_THAT(answer, HasSubstr("timed out after 50 ms"));
  wait_for(stopped_);
}

// The text of the break itself: read raw, because the stream has no proper end.
TEST_F(ChannelStream, NoAnswerOutlastsItsVerdict) {
  serve_waiting();
  options_.verdict_lifetime = milliseconds(1000);
  connect(gateway_->port());
  auto client = editor();
  EXPECT_TRUE(client.send(post("/stream")));
  const std::string all = client.rest();
  EXPECT_THAT(all, HasSubstr("data: first"));
  EXPECT_THAT(all, HasSubstr("the answer took longer than"));
  EXPECT_THAT(all, Not(HasSubstr("\r\n0\r\n\r\n")));
  wait_for(stopped_);
}

TEST_F(ChannelStream, AttestsAgainOnALongConnection) {
  serve_echo();
  options_.attest_every = milliseconds(0);
  connect(gateway_->port());
  for (std::uint64_t i = 1; i <= 3; ++i) {
    EXPECT_THAT(ask(post("/infill")), StartsWith("200 "));
    EXPECT_EQ(gateway_->stats().challenges, i);
  }
  EXPECT_EQ(gateway_->stats().connections, 1U);
}

TEST_F(ChannelStream, AGuestThatTurnsDebugGetsNothingMore) {
  serve_echo();
  options_.attest_every = milliseconds(0);
  connect(gateway_->port());
  EXPECT_THAT(ask(post("/infill")), StartsWith("200 "));
  run_until(loop_, [&] { return gateway_->stats().application_bytes > 0; });
  const std::uint64_t before = gateway_->stats().application_bytes;
  guest_.policy |= std::uint64_t{1} << 19;
  const std::string answer = ask(post("/infill"));
  EXPECT_THAT(answer, StartsWith("502 {\"error\":"));
  EXPECT_THAT(answer, HasSubstr("sev_snp.policy.debug_disabled"));
  proxy_.reset();
  run(loop_, gateway_->drain(kPatience));
  EXPECT_EQ(gateway_->stats().application_bytes, before);
  EXPECT_EQ(gateway_->stats().challenges, 2U);
  EXPECT_EQ(handled_, 1);
}

TEST_F(ChannelStream, AConnectionThatTheServerClosedIsReplaced) {
  FarEnd far_end(loop_, [&](net::TlsStream& stream, Bytes challenge) -> Task<void> {
    const auto bundle = co_await responder().answer(stream.native_handle(), challenge);
    co_await reply_with(stream, evidence_message(bundle.value()));
  });
  far_end.close_after_answer();
  connect(far_end.port());
  for (std::size_t i = 1; i <= 3; ++i) {
    EXPECT_EQ(ask(post("/infill")), "200 mine");
    run_until(loop_, [&] { return far_end.open() == 0; });
    EXPECT_EQ(far_end.challenges(), i);
  }
}

TEST_F(ChannelStream, KeyRenewalHurtsNobody) {
  gateway::Limits limits;
  limits.key_lifetime = std::chrono::hours(0);
  serve(
      [](const Request&, ResponseSink& sink, std::stop_token) {
        sink.respond({200, "text/plain", "ok", {}});
      },
      limits);
  options_.keep = 0;  // a new connection, and a new key, for each request
  connect(gateway_->port());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(post("/infill")), "200 ok");
  EXPECT_GE(gateway_->stats().connections, 3U);
}

TEST_F(ChannelStream, DrainingTheProxyLetsAnAnswerEnd) {
  std::binary_semaphore go_on(0);
  serve([&](const Request&, ResponseSink& sink, std::stop_token) {
    sink.begin_stream(200, "text/plain");
    EXPECT_TRUE(sink.write("first"));
    begun_.release();
    go_on.acquire();
    EXPECT_TRUE(sink.write("last"));
    sink.end();
  });
  connect(gateway_->port());
  auto idle = editor(), busy = editor();
  EXPECT_TRUE(busy.send(post("/infill")));
  wait_for(begun_);
  bool drained = false;
  net::asio::co_spawn(loop_, proxy_->drain(kPatience), [&](auto) { drained = true; });
  EXPECT_EQ(idle.rest(), "");
  EXPECT_FALSE(drained);
  go_on.release();
  EXPECT_EQ(busy.receive(), "200 firstlast");
  run_until(loop_, [&] { return drained; });
}

// A writer that nobody reads from comes to a halt: what is under way is in the sockets' buffers.
TEST_F(ChannelStream, AnEditorThatDoesNotReadStopsTheApplication) {
  constexpr std::size_t kPiece = 65536, kAll = 4096 * kPiece;  // 256 MiB
  std::atomic<std::size_t> written = 0;
  std::atomic<bool> ended = false;
  serve([&](const Request&, ResponseSink& sink, std::stop_token) {
    sink.begin_stream(200, "application/octet-stream");
    while (written < kAll && sink.write(std::string(kPiece, 'x'))) written += kPiece;
    ended = true;
  });
  connect(gateway_->port());
  auto client = editor();
  EXPECT_TRUE(client.send(post("/infill")));
  ASSERT_TRUE(client.receive_head());
  // Until nothing has moved for a while, which can only be found too early.
  for (std::size_t before = 1; before != written || before == 0;) {
    before = written;
    for (int turns = 0; turns < 1000 && loop_.run_one_for(milliseconds(100)) > 0; ++turns) {
    }
  }
  EXPECT_FALSE(ended);
  EXPECT_LT(written, kAll / 4);
  client.stream().close();
  run_until(loop_, [&] { return ended.load(); });
}

}  // namespace
}  // namespace blindbox::channel
