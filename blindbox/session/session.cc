// SPDX-License-Identifier: Apache-2.0
#include "blindbox/session/session.h"

#include <sys/eventfd.h>

#include "blindbox/kds/source.h"
#include "blindbox/session/internal/flow.h"

namespace blindbox::session {
namespace {

net::Task<Result<evidence::Evidence>> complete_from(std::shared_ptr<kds::Source> source, evidence::Evidence evidence,
                                                    bool crl_wanted) {
  auto completed = co_await source->complete(std::move(evidence), crl_wanted, base::now());
  co_return completed;
}

}  // namespace

Result<attested_tls::CompleteEvidence> evidence_completer(const Endorsements& endorsements,
                                                          const policy::Policy& policy) {
  auto origin = kds::parse_origin(endorsements.kds_url.empty() ? kds::kAmdUrl : std::string_view(endorsements.kds_url));
  if (!origin) return base::pass_on(origin);
  kds::SourceOptions options;
  options.origin = std::move(*origin);
  options.cache_folder = endorsements.cache_folder ? *endorsements.cache_folder : kds::default_cache_folder();
  options.offline = endorsements.offline;
  return [source = std::make_shared<kds::Source>(std::move(options)), crl_wanted = policy.sev_snp.require_crl](
             evidence::Evidence evidence) { return complete_from(source, std::move(evidence), crl_wanted); };
}

Result<std::shared_ptr<Session>> Session::make(Options options) {
  const bool for_channel = !options.policy.no_expected_software;
  auto pool = internal::Pool::make(std::move(options));
  if (!pool) return base::pass_on(pool);
  auto loop = Loop::start();
  if (!loop) return base::pass_on(loop);
  auto shared = std::make_shared<internal::Shared>((*loop)->executor(), std::move(*pool));
  return std::shared_ptr<Session>(new Session(std::move(*loop), std::move(shared), for_channel));
}

Session::Session(std::shared_ptr<Loop> loop, std::shared_ptr<internal::Shared> shared, bool for_channel)
    : loop_(std::move(loop)), shared_(std::move(shared)), for_channel_(for_channel) {}

// The pool's connections belong to the loop's thread. In a child after fork() they are the parent's, and are left alone.
Session::~Session() {
  if (!loop_->at_home()) {
    (void)new std::shared_ptr<internal::Shared>(std::move(shared_));
    return;
  }
  loop_->post([shared = std::move(shared_)] {});
}

void Session::stop() { loop_->stop(); }

std::optional<verifier::Verdict> Session::latest() const { return shared_->latest(); }

Result<std::shared_ptr<internal::Flow>> Session::new_flow() const {
  if (!loop_->at_home()) {
    return base::fail(ErrorKind::usage, "this session was made before fork(), and its connections are the parent's", "",
                      "make a new session in the child");
  }
  base::Fd event(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (!event) return base::fail(ErrorKind::io, "no descriptor can be had", "", "close what is no longer used");
  return std::make_shared<internal::Flow>(shared_, std::move(event));
}

Result<std::shared_ptr<Exchange>> Session::open(Request request) {
  if (!for_channel_) {
    return base::fail(ErrorKind::policy, "the policy knows no expected software, so nothing is sent by it", "",
                      "name measurements, or what takes their place, in the policy");
  }
  if (auto checked = check_request(request); !checked) return base::pass_on(checked);
  auto flow = new_flow();
  if (!flow) return base::pass_on(flow);
  loop_->post([flow = *flow, request = std::move(request)] { flow->begin(request); });
  return std::make_shared<Exchange>(loop_, std::move(*flow));
}

Result<std::shared_ptr<Exchange>> Session::attest(net::Duration limit) {
  auto flow = new_flow();
  if (!flow) return base::pass_on(flow);
  loop_->post([flow = *flow, limit] { flow->attest(limit); });
  return std::make_shared<Exchange>(loop_, std::move(*flow));
}

}  // namespace blindbox::session
