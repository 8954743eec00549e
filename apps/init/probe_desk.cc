// SPDX-License-Identifier: Apache-2.0
#include "probe_desk.h"

#include "blindbox/evidence/secondary.h"
#include "blindbox/net/await.h"
#include "channel.h"

namespace blindbox::init {
namespace {

constexpr std::chrono::seconds kPatience{60};

}  // namespace

ProbeDesk::ProbeDesk(net::Executor executor, int control, attested_tls::Responder& responder)
    : executor_(std::move(executor)), control_(control), responder_(responder) {}

net::Task<Result<std::string>> ProbeDesk::run(probe::Nonce nonce) {
  const auto asked = std::make_shared<Asked>(executor_, nonce);
  asked_ = asked;
  if (!say(control_, Say::probe, base::to_hex(nonce))) {
    co_return base::fail(ErrorKind::platform, "the escape attempts cannot be made: init has ended");
  }
  asked->done.expires_after(kPatience);
  (void)co_await asked->done.async_wait(net::kAwait);
  if (asked_ == asked) asked_.reset();
  if (!asked->answer) co_return base::fail(ErrorKind::platform, "the escape attempts did not end in time");
  co_return *asked->answer;
}

void ProbeDesk::on_report(const std::string& json) {
  const auto report = probe::decode(json);
  if (!report) return on_failure(report.error().what);
  if (asked_ && asked_->nonce == report->nonce) return settle(json);
  responder_.set_secondary(evidence::encode_secondary({base::to_bytes(base::view(json))}));
}

void ProbeDesk::on_failure(const std::string& why) {
  if (asked_) settle(base::fail(ErrorKind::platform, why));
}

void ProbeDesk::settle(Result<std::string> answer) {
  asked_->answer.emplace(std::move(answer));
  asked_->done.expires_at(net::asio::steady_timer::time_point::min());
}

}  // namespace blindbox::init
