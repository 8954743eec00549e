// SPDX-License-Identifier: Apache-2.0
// A program's session against real and false far ends. It runs on a thread of its own; the far ends on this one.
#include "blindbox/session/session.h"

#include <sys/wait.h>

#include <condition_variable>
#include <mutex>

#include "channel_fixture.h"

namespace blindbox::channel {
namespace {

using session::Exchange;
using session::Failure;
using session::Outcome;
using session::Phase;
using session::Request;
using std::chrono::milliseconds;
using ::testing::HasSubstr;

class SessionTest : public ChannelTest {
 protected:
  void open_session(std::uint16_t server) {
    session_options_.server = {"127.0.0.1", server};
    session_options_.policy = policy_;
    session_options_.endorsements = {.offline = true, .kds_url = "", .cache_folder = ""};
    session_ = session::Session::make(session_options_).value();
  }
  Outcome finish(Exchange& exchange) {
    std::optional<Outcome> outcome;
    run_until(loop_, [&] {
      outcome = exchange.take();
      return outcome.has_value();
    });
    return std::move(*outcome);
  }
  static Request post_request(const std::string& target, const std::string& body = kCode) {
    Request request;
    request.method = "POST";
    request.target = target;
    request.fields = {{"Authorization", kKey}};
    request.framing = {http::Framing::Kind::length, body.size()};
    request.body = body;
    return request;
  }
  // "status body", or the failure in parentheses.
  std::string ask(Request request) {
    auto exchange = session_->open(std::move(request));
    if (!exchange) return "(" + exchange.error().what + ")";
    const Outcome begun = finish(**exchange);
    if (begun.failure) return "(" + begun.failure->error.what + ")";
    std::string all = std::to_string(begun.head->status) + " ";
    while (true) {
      (*exchange)->read();
      const Outcome read = finish(**exchange);
      if (read.failure) return all + "(" + read.failure->error.what + ")";
      if (read.piece.empty()) return all;
      all += read.piece;
    }
  }
  Failure fail(Request request) {
    const auto exchange = session_->open(std::move(request)).value();
    return finish(*exchange).failure.value();
  }
  // Sends pieces until the client is gone.
  void serve_endless() {
    serve([this](const http::Request&, http::ResponseSink& sink, std::stop_token) {
      sink.begin_stream(200, "text/event-stream");
      while (sink.write("data: more\n\n")) ++handled_;
    });
  }

  session::Options session_options_;
  std::shared_ptr<session::Session> session_;
};

TEST_F(SessionTest, KeepsItsConnection) {
  serve_echo();
  open_session(gateway_->port());
  EXPECT_FALSE(session_->latest());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(post_request("/a")), "200 POST /a " + kCode);
  EXPECT_EQ(gateway_->stats().connections, 1U);
  EXPECT_TRUE(session_->latest()->accepted());
}

TEST_F(SessionTest, AttestsAnewOnTheSameConnection) {
  serve_echo();
  session_options_.attest_every = milliseconds(0);
  open_session(gateway_->port());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(post_request("/a")), "200 POST /a " + kCode);
  EXPECT_EQ(gateway_->stats().connections, 1U);
  EXPECT_EQ(gateway_->stats().challenges, 3U);
}

TEST_F(SessionTest, SendsBodiesInPieces) {
  serve_echo();
  open_session(gateway_->port());
  for (const auto kind : {http::Framing::Kind::length, http::Framing::Kind::chunked}) {
    Request request = post_request("/a", "");
    request.framing = {kind, 6};
    request.more = true;
    const auto exchange = session_->open(request).value();
    EXPECT_FALSE(finish(*exchange).head);
    exchange->write("one", false);
    EXPECT_FALSE(finish(*exchange).head);
    exchange->write("two", true);
    EXPECT_EQ(finish(*exchange).head->status, 200U);
    exchange->read();
    EXPECT_EQ(finish(*exchange).piece, "POST /a onetwo");
  }
}

TEST_F(SessionTest, SendsNoBodyOfAnotherLength) {
  serve_echo();
  open_session(gateway_->port());
  Request request = post_request("/a", "");
  request.framing = {http::Framing::Kind::length, 5};
  request.more = true;
  for (const std::string piece : {"too long", "few"}) {
    const auto exchange = session_->open(request).value();
    EXPECT_FALSE(finish(*exchange).failure);
    exchange->write(piece, true);
    EXPECT_EQ(finish(*exchange).failure.value().error.kind, ErrorKind::usage);
  }
  EXPECT_EQ(handled_, 0);
}

TEST_F(SessionTest, GivesNothingToWhomThePolicyRefuses) {
  serve_echo();
  policy_.sev_snp.measurements = {{ByteArray<48>{}}};
  open_session(gateway_->port());
  const Failure failure = fail(post_request("/a"));
  EXPECT_EQ(failure.phase, Phase::connect);
  EXPECT_EQ(failure.error.kind, ErrorKind::not_acceptable);
  ASSERT_TRUE(failure.verdict);
  EXPECT_EQ(failure.verdict->failures().front()->id, "sev_snp.measurement");
  run_until(loop_, [&] { return gateway_->stats().challenges == 1; });
  EXPECT_EQ(gateway_->stats().application_bytes, 0U);
}

// Another guest's evidence from one challenge on: the verdict of a connection is no verdict for ever.
TEST_F(SessionTest, TellsWhatFailedWhenAWarmConnectionIsRefused) {
  serve_echo();
  session_options_.attest_every = milliseconds(0);
  open_session(gateway_->port());
  EXPECT_EQ(ask(post_request("/a")), "200 POST /a " + kCode);
  guest_.measurement = ByteArray<48>{};
  const Failure failure = fail(post_request("/b"));
  ASSERT_TRUE(failure.verdict);
  EXPECT_EQ(failure.verdict->failures().front()->id, "sev_snp.measurement");
  EXPECT_EQ(handled_, 1);
}

TEST_F(SessionTest, BoundsTheWaitForEvidence) {
  FarEnd far_end(loop_, [](net::TlsStream&, Bytes) -> Task<void> { co_return; });
  open_session(far_end.port());
  Request request = post_request("/a");
  request.limits.connect = milliseconds(100);
  const Failure failure = fail(request);
  EXPECT_TRUE(failure.timed_out);
  EXPECT_EQ(failure.phase, Phase::connect);
  EXPECT_EQ(far_end.leaked(), "");
}

TEST_F(SessionTest, BoundsTheWaitForAnAnswer) {
  serve([](const http::Request&, http::ResponseSink& sink, std::stop_token stop) {
    std::mutex mutex;
    std::unique_lock lock(mutex);
    std::condition_variable_any().wait(lock, std::move(stop), [] { return false; });
    sink.respond({200, "text/plain", "late", {}});
  });
  open_session(gateway_->port());
  Request request = post_request("/a");
  request.limits.read = milliseconds(50);
  const Failure failure = fail(request);
  EXPECT_TRUE(failure.timed_out);
  EXPECT_EQ(failure.phase, Phase::head);
}

TEST_F(SessionTest, CutsAnAnswerWhenItsVerdictIsTooOld) {
  serve_endless();
  session_options_.verdict_lifetime = milliseconds(300);
  open_session(gateway_->port());
  const auto exchange = session_->open(post_request("/a")).value();
  Outcome outcome = finish(*exchange);
  while (!outcome.failure) {
    exchange->read();
    outcome = finish(*exchange);
  }
  EXPECT_TRUE(outcome.failure->verdict_expired) << outcome.failure->error.what;
}

TEST_F(SessionTest, CancellingEndsTheWork) {
  serve_endless();
  open_session(gateway_->port());
  const auto exchange = session_->open(post_request("/a")).value();
  EXPECT_EQ(finish(*exchange).head->status, 200U);
  exchange->cancel();
  run_until(loop_, [&] { return gateway_->stats().requests == 1 && handled_ > 0; });
  exchange->read();
  EXPECT_TRUE(finish(*exchange).failure);
}

TEST_F(SessionTest, LeavesTheParentsConnectionsAlone) {
  serve_echo();
  open_session(gateway_->port());
  EXPECT_EQ(ask(post_request("/a")), "200 POST /a " + kCode);
  const pid_t child = ::fork();
  if (child == 0) {
    const bool refused = !session_->open(post_request("/child")) && !session_->attest({});
    session_.reset();
    ::_exit(refused ? 0 : 1);
  }
  int status = 1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(ask(post_request("/b")), "200 POST /b " + kCode);
  EXPECT_EQ(gateway_->stats().connections, 1U);
}

TEST_F(SessionTest, SendsNothingByAPolicyForLooking) {
  policy_ = policy::safe_defaults();
  open_session(1);
  const auto refused = session_->open(post_request("/a"));
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().what, HasSubstr("no expected software"));
}

}  // namespace
}  // namespace blindbox::channel
