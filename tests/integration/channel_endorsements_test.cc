// SPDX-License-Identifier: Apache-2.0
// A server whose evidence lacks its endorsements: they are added between the evidence and its verdict, and nothing of a
// user's leaves meanwhile.
#include "blindbox/proxy/until.h"
#include "channel_fixture.h"

namespace blindbox::channel {
namespace {

using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class ChannelEndorsements : public ChannelTest {
 protected:
  ChannelEndorsements() {
    responder_.emplace(
        loop_.get_executor(),
        [this](const ByteArray<64>& data) -> Result<evidence::Evidence> {
          auto evidence = processor_->evidence(guest_, data);
          evidence.certificates.clear();
          return evidence;
        },
        manifest());
  }
  // Adds these certificates, after a turn of the loop.
  attested_tls::CompleteEvidence adding(const std::vector<Bytes>& certificates) {
    return [this, certificates](evidence::Evidence evidence) { return add(std::move(evidence), certificates); };
  }
  Task<Result<evidence::Evidence>> add(evidence::Evidence evidence, std::vector<Bytes> certificates) {
    ++completed_;
    net::asio::steady_timer timer(loop_, std::chrono::milliseconds(1));
    co_await timer.async_wait(net::asio::as_tuple(net::asio::use_awaitable));
    if (at_completion_) at_completion_();
    evidence.certificates = std::move(certificates);
    co_return evidence;
  }
  FarEnd::Reply with_bundle() {
    return [this](net::TlsStream& stream, const Bytes& challenge) { return reply(stream, challenge); };
  }
  Task<void> reply(net::TlsStream& stream, Bytes challenge) {
    auto bundle = co_await responder().answer(stream.native_handle(), challenge);
    if (!bundle) co_return;
    const std::string message = evidence_message(*bundle);
    (void)co_await stream.write(base::view(message));
  }

  int completed_ = 0;
  std::function<void()> at_completion_;
};

TEST_F(ChannelEndorsements, AreMissedWhereNobodyAddsThem) {
  serve_echo();
  connect(gateway_->port());
  EXPECT_THAT(ask(post("/infill")), HasSubstr("sev_snp.chain.complete"));
  EXPECT_EQ(handled_, 0);
}

TEST_F(ChannelEndorsements, AreAddedBeforeTheVerdict) {
  options_.complete = adding(processor_->certificates(guest_));
  FarEnd far_end(loop_, with_bundle());
  std::string seen = "not asked";
  at_completion_ = [&] { seen = far_end.leaked(); };
  connect(far_end.port());
  EXPECT_EQ(ask(post("/infill")), "200 mine");
  EXPECT_EQ(seen, "");
  EXPECT_THAT(far_end.leaked(), AllOf(HasSubstr(kKey), HasSubstr(kCode)));
}

TEST_F(ChannelEndorsements, AreJudgedLikeTheRest) {
  auto wrong = processor_->certificates(guest_);
  wrong.front() = processor_->certificates(emulator::Guest{.certificate_tcb = evidence::sev_snp::Tcb{}}).front();
  options_.complete = adding(wrong);
  FarEnd far_end(loop_, with_bundle());
  connect(far_end.port());
  EXPECT_THAT(ask(post("/infill")), HasSubstr("sev_snp.tcb.reported"));
  run_until(loop_, [&] { return far_end.open() == 0; });
  EXPECT_EQ(far_end.leaked(), "");
}

TEST_F(ChannelEndorsements, ThatCannotBeHadEndTheAttempt) {
  options_.complete = [](const evidence::Evidence&) -> Task<Result<evidence::Evidence>> {
    co_return base::fail(ErrorKind::network, "could not fetch the VCEK");
  };
  FarEnd far_end(loop_, with_bundle());
  connect(far_end.port());
  const std::string answer = ask(post("/infill"));
  EXPECT_THAT(answer, HasSubstr("could not fetch the VCEK"));
  EXPECT_THAT(answer, Not(HasSubstr("sev_snp.")));
  run_until(loop_, [&] { return far_end.open() == 0; });
  EXPECT_EQ(far_end.leaked(), "");
  EXPECT_EQ(accepted_, 0);
}

TEST_F(ChannelEndorsements, AreAddedEachTimeThatAConnectionAttestsAgain) {
  serve_echo();
  options_.complete = adding(processor_->certificates(guest_));
  options_.attest_every = net::Duration(0);
  connect(gateway_->port());
  for (int i = 1; i <= 3; ++i) {
    EXPECT_THAT(ask(post("/infill")), HasSubstr("200 "));
    EXPECT_EQ(completed_, i);
  }
  EXPECT_EQ(attempts_, 1);
}

// A release that ends while the proxy runs: connections that stand are refused at their next attestation.
TEST_F(ChannelEndorsements, WhatIsAcceptedMayEnd) {
  const base::Time end = base::now() + std::chrono::hours(1);
  auto now = std::make_shared<base::Time>(end - std::chrono::seconds(1));
  options_.complete =
      proxy::only_until(end, "release.json", adding(processor_->certificates(guest_)), [now] { return *now; });
  options_.attest_every = net::Duration::zero();  // again before each request
  serve_echo();
  connect(gateway_->port());
  EXPECT_THAT(ask(post("/infill")), StartsWith("200 "));
  EXPECT_EQ(handled_, 1);
  *now = end;
  EXPECT_THAT(ask(post("/infill")), HasSubstr("release.json has expired"));
  EXPECT_EQ(handled_, 1);
  EXPECT_EQ(completed_, 1);
}

}  // namespace
}  // namespace blindbox::channel
