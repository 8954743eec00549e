// SPDX-License-Identifier: Apache-2.0
// A server that was refused: its refusal answers for a while, one request at a time asks it anew, and who mends it is
// found. Challenges are counted at the far end.
#include <deque>

#include "channel_fixture.h"

namespace blindbox::channel {
namespace {

using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::uint64_t kDebug = std::uint64_t{1} << 19;

class ChannelRefusal : public ChannelTest {
 protected:
  // A proxy before a guest whose host may read its memory.
  void connect_to_a_refused_server(net::Duration first_refusal) {
    serve_echo();
    guest_.policy |= kDebug;
    options_.first_refusal = first_refusal;
    options_.server = {"127.0.0.1", gateway_->port()};
    options_.policy = policy_;
    pool_ = proxy::Pool::make(options_, {}).value();
    proxy_.emplace(net::listen_tcp(loop_.get_executor(), {"127.0.0.1", 0}).value(), pool_, proxy::Limits{});
    proxy_->start();
  }
  ~ChannelRefusal() override { proxy_.reset(); }
  std::shared_ptr<proxy::Pool> pool_;
};

TEST_F(ChannelRefusal, AnswersForTheServerAWhile) {
  connect_to_a_refused_server(kPatience);
  for (int i = 0; i < 5; ++i) {
    auto client = editor();
    ASSERT_TRUE(client.send(post("/infill")));
    EXPECT_THAT(client.receive(), HasSubstr("sev_snp.policy.debug_disabled"));
    const auto seconds = http::find_field(client.last().fields, "retry-after");
    ASSERT_TRUE(seconds);
    EXPECT_GE(std::stoi(std::string(*seconds)), 1);
    EXPECT_EQ(http::find_field(client.last().fields, "x-should-retry"), "false");
  }
  EXPECT_EQ(gateway_->stats().challenges, 3U) << "from the third on a refusal stands";
  guest_.policy &= ~kDebug;
  EXPECT_THAT(ask(post("/infill")), StartsWith("502 "));
  ASSERT_TRUE(run(loop_, pool_->attest())) << "a person may ask at any time";
  EXPECT_FALSE(pool_->retry_after());
  EXPECT_THAT(ask(post("/infill")), StartsWith("200 "));
  EXPECT_EQ(gateway_->stats().challenges, 4U);
}

TEST_F(ChannelRefusal, IsJudgedAnewByOneRequestAtATime) {
  connect_to_a_refused_server(kPatience);
  for (int i = 0; i < 3; ++i) EXPECT_THAT(ask(post("/infill")), StartsWith("502 "));
  pool_->pause(true);  // whoever goes on after a pause wants to know how things are
  pool_->pause(false);
  std::deque<http::testing::Client> clients;
  for (int i = 0; i < 8; ++i) ASSERT_TRUE(clients.emplace_back(loop_, proxy_->port()).send(post("/infill")));
  for (auto& client : clients) EXPECT_THAT(client.receive(), StartsWith("502 "));
  EXPECT_EQ(gateway_->stats().challenges, 4U);
  EXPECT_EQ(handled_, 0);
}

TEST_F(ChannelRefusal, GrowsWithEachThatFollows) {
  connect_to_a_refused_server(std::chrono::seconds(10));
  auto wait = std::chrono::seconds(0);
  for (const int longest : {1, 1, 10, 20, 20}) {
    ASSERT_FALSE(run(loop_, pool_->attest()));
    ASSERT_TRUE(pool_->retry_after());
    EXPECT_LE(pool_->retry_after()->count(), longest);
    EXPECT_GE(*pool_->retry_after(), wait);
    wait = *pool_->retry_after();
    pool_->pause(true);
    pool_->pause(false);
  }
  EXPECT_GT(wait.count(), 10);
}

TEST_F(ChannelRefusal, IsTakenBackByRequestsOnceTheServerIsMended) {
  connect_to_a_refused_server(milliseconds(1));
  EXPECT_THAT(ask(post("/infill")), StartsWith("502 "));
  guest_.policy &= ~kDebug;
  const auto end = std::chrono::steady_clock::now() + kPatience;
  std::string answer;
  while (!answer.starts_with("200 ") && std::chrono::steady_clock::now() < end) answer = ask(post("/infill"));
  EXPECT_THAT(answer, StartsWith("200 "));
}

}  // namespace
}  // namespace blindbox::channel
