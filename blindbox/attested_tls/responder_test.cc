// SPDX-License-Identifier: Apache-2.0
#include "blindbox/attested_tls/responder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <latch>

#include "blindbox/attested_tls/challenge.h"
#include "blindbox/attested_tls/testing.h"
#include "blindbox/net/testing.h"

namespace blindbox::attested_tls {
namespace {

using net::testing::run;
using net::testing::run_until;
using testing::SessionPair;

const Bytes kManifest = base::to_bytes(base::view("{\"the\":\"manifest\"}"));

Nonce nonce(std::size_t value) {
  Nonce out{};
  out.front() = static_cast<std::byte>(value);
  return out;
}

// Evidence whose "report" is the report data alone.
evidence::Evidence evidence_about(const ByteArray<64>& data) {
  evidence::Evidence out;
  out.report = base::to_bytes(data);
  return out;
}

class ResponderTest : public ::testing::Test {
 protected:
  std::unique_ptr<SessionPair> session() {
    auto pair = std::make_unique<SessionPair>(client_->native_handle(), server_->native_handle());
    EXPECT_TRUE(pair->handshake());
    return pair;
  }
  // What the report must be about, computed at the client's end.
  static ByteArray<64> expected(const SessionPair& pair, const Nonce& asked, const evidence::Bundle& bundle) {
    const auto facts = session_facts(pair.client(), End::client, asked).value();
    const auto own = binder({asked, facts.exporter, facts.spki_sha256, bundle.manifest, bundle.hpke, bundle.secondary});
    return report_data(bundle.path.tree_size, root_from_path(own, bundle.path).value());
  }

  net::asio::io_context loop_;
  std::unique_ptr<asio::ssl::context> client_ = make_client_context().value();
  std::unique_ptr<asio::ssl::context> server_ = make_server_context(base::now()).value();
};

TEST_F(ResponderTest, AnswersALoneClientWithATreeOfOne) {
  Responder responder(
      loop_.get_executor(), [](const auto& data) -> Result<evidence::Evidence> { return evidence_about(data); },
      kManifest);
  const auto pair = session();
  const auto answer = run(loop_, responder.answer(pair->server(), encode_challenge(nonce(7))));
  ASSERT_TRUE(answer);
  const auto bundle = evidence::decode_bundle(*answer).value();
  EXPECT_EQ(bundle.path.tree_size, 1U);
  EXPECT_EQ(bundle.manifest, kManifest);
  EXPECT_TRUE(std::ranges::equal(bundle.primary.report, expected(*pair, nonce(7), bundle)));
  EXPECT_EQ(responder.device_calls(), 1U);
  EXPECT_EQ(responder.challenges(), 1U);
}

TEST_F(ResponderTest, AnswersEveryoneWhoCameDuringACallWithTheNext) {
  constexpr std::size_t kClients = 70;
  std::latch queued(1);
  Responder responder(
      loop_.get_executor(),
      [&](const auto& data) -> Result<evidence::Evidence> {
        queued.wait();  // the first call takes until all the others wait
        return evidence_about(data);
      },
      kManifest);
  std::vector<std::unique_ptr<SessionPair>> sessions;
  std::vector<Result<Bytes>> answers(kClients, base::fail(ErrorKind::internal, "no answer"));
  std::size_t done = 0;
  for (std::size_t i = 0; i < kClients; ++i) {
    sessions.push_back(session());
    const Bytes challenge = encode_challenge(nonce(i));
    net::asio::co_spawn(
        loop_,
        [&responder, &answers, &done, challenge, i, ssl = sessions[i]->server()]() -> net::Task<void> {
          answers[i] = co_await responder.answer(ssl, challenge);
          ++done;
        },
        [](const std::exception_ptr&) {});
  }
  run_until(loop_, [&] { return responder.challenges() == kClients; });
  EXPECT_EQ(done, 0U);
  queued.count_down();
  run_until(loop_, [&] { return done == kClients; });
  EXPECT_EQ(responder.device_calls(), 2U);
  std::size_t in_the_first = 0;
  for (std::size_t i = 0; i < kClients; ++i) {
    ASSERT_TRUE(answers[i]);
    const auto bundle = evidence::decode_bundle(*answers[i]).value();
    in_the_first += bundle.path.tree_size == 1 ? 1 : 0;
    EXPECT_TRUE(bundle.path.tree_size == 1 || bundle.path.tree_size == kClients - 1) << bundle.path.tree_size;
    EXPECT_TRUE(std::ranges::equal(bundle.primary.report, expected(*sessions[i], nonce(i), bundle))) << i;
  }
  EXPECT_EQ(in_the_first, 1U);
}

TEST_F(ResponderTest, HandsOnTheErrorOfTheDeviceAndRecovers) {
  bool works = false;
  Responder responder(
      loop_.get_executor(),
      [&](const auto& data) -> Result<evidence::Evidence> {
        if (!works) return base::fail(ErrorKind::platform, "the device is gone");
        return evidence_about(data);
      },
      kManifest);
  const auto pair = session();
  const auto failed = run(loop_, responder.answer(pair->server(), encode_challenge(nonce(1))));
  ASSERT_FALSE(failed);
  EXPECT_EQ(failed.error().kind, ErrorKind::platform);
  EXPECT_EQ(failed.error().what, "the device is gone");
  works = true;
  EXPECT_TRUE(run(loop_, responder.answer(pair->server(), encode_challenge(nonce(2)))));
}

TEST_F(ResponderTest, RefusesWhatIsNoChallengeWithoutAskingTheDevice) {
  Responder responder(
      loop_.get_executor(),
      [](const auto&) -> Result<evidence::Evidence> {
        ADD_FAILURE() << "the device was asked";
        return base::fail(ErrorKind::internal, "");
      },
      kManifest);
  const auto pair = session();
  for (const char* garbage : {"", "x", "{\"nonce\":\"00\"}"}) {
    const auto answer = run(loop_, responder.answer(pair->server(), base::view(garbage)));
    ASSERT_FALSE(answer);
    EXPECT_EQ(answer.error().kind, ErrorKind::malformed);
  }
  EXPECT_EQ(responder.device_calls(), 0U);
}

}  // namespace
}  // namespace blindbox::attested_tls
