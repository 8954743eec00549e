// SPDX-License-Identifier: Apache-2.0
#include "blindbox/attested_tls/responder.h"

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/thread_pool.hpp>
#include <optional>

#include "blindbox/attested_tls/challenge.h"
#include "blindbox/net/await.h"

namespace blindbox::attested_tls {
namespace {

constexpr std::size_t kWaitingLimit = 4096;

struct Waiter {
  Waiter(const net::Executor& executor, const base::Sha512& own)
      : binder(own), ready(executor, asio::steady_timer::time_point::max()) {}
  base::Sha512 binder;
  asio::steady_timer ready;
  std::optional<Result<evidence::Bundle>> bundle;  // without the manifest and what is secondary
};
using WaiterPtr = std::shared_ptr<Waiter>;

}  // namespace

struct Responder::State : std::enable_shared_from_this<Responder::State> {
  State(net::Executor on, EvidenceSource from, Bytes covering, Bytes besides)
      : executor(std::move(on)),
        source(std::move(from)),
        manifest(std::move(covering)),
        secondary(std::move(besides)) {}

  net::Executor executor;
  EvidenceSource source;
  Bytes manifest;
  Bytes secondary;
  std::vector<WaiterPtr> waiting;
  bool device_busy = false;
  std::uint64_t device_calls = 0;
  std::uint64_t challenges = 0;
  asio::thread_pool device{1};

  void start_batch() {
    if (device_busy || waiting.empty()) return;
    device_busy = true;
    ++device_calls;
    std::vector<WaiterPtr> batch = std::exchange(waiting, {});
    asio::post(device, [self = shared_from_this(), batch = std::move(batch)]() mutable {
      std::vector<base::Sha512> binders;
      for (const WaiterPtr& waiter : batch) binders.push_back(waiter->binder);
      Tree tree = build_tree(binders);
      auto evidence = self->source(report_data(static_cast<std::uint32_t>(binders.size()), tree.root));
      asio::post(self->executor, [self, batch = std::move(batch), tree = std::move(tree),
                                  evidence = std::move(evidence)] { self->finish_batch(batch, tree, evidence); });
    });
  }

  // On the executor, as everything that touches a waiter after it has been queued.
  void finish_batch(const std::vector<WaiterPtr>& batch, const Tree& tree, const Result<evidence::Evidence>& evidence) {
    device_busy = false;
    for (std::size_t i = 0; i < batch.size(); ++i) {
      if (evidence) {
        batch[i]->bundle.emplace(evidence::Bundle{*evidence, tree.paths[i], {}, {}, {}});
      } else {
        batch[i]->bundle.emplace(tl::unexpected<Error>(evidence.error()));
      }
      batch[i]->ready.expires_at(asio::steady_timer::time_point::min());
    }
    start_batch();
  }
};

Responder::Responder(const net::Executor& executor, EvidenceSource source, Bytes manifest, Bytes secondary)
    : state_(std::make_shared<State>(executor, std::move(source), std::move(manifest), std::move(secondary))) {}

Responder::~Responder() { state_->device.join(); }

net::Task<Result<Bytes>> Responder::answer(SSL* session, ByteView challenge) {
  const auto state = state_;
  auto nonce = decode_challenge(challenge);
  if (!nonce) co_return base::pass_on(nonce);
  auto facts = session_facts(session, End::server, *nonce);
  if (!facts) co_return base::pass_on(facts);
  if (state->waiting.size() >= kWaitingLimit) {
    co_return base::fail(ErrorKind::limit, "too many clients wait for evidence", "", "try again in a second");
  }
  const Bytes secondary = state->secondary;  // the one that the binder covers, whatever comes meanwhile
  const auto own = binder({*nonce, facts->exporter, facts->spki_sha256, state->manifest, {}, secondary});
  const auto waiter = std::make_shared<Waiter>(state->executor, own);
  ++state->challenges;
  state->waiting.push_back(waiter);
  state->start_batch();
  while (!waiter->bundle) co_await waiter->ready.async_wait(net::kAwait);
  auto bundle = std::move(*waiter->bundle);
  if (!bundle) co_return base::pass_on(bundle);
  bundle->manifest = state->manifest;
  bundle->secondary = secondary;
  co_return evidence::encode_bundle(*bundle);
}

void Responder::set_secondary(Bytes secondary) { state_->secondary = std::move(secondary); }

std::uint64_t Responder::device_calls() const { return state_->device_calls; }
std::uint64_t Responder::challenges() const { return state_->challenges; }

}  // namespace blindbox::attested_tls
