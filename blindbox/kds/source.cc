// SPDX-License-Identifier: Apache-2.0
#include "blindbox/kds/source.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>

#include "blindbox/endorsements/certificate.h"
#include "blindbox/net/await.h"

namespace blindbox::kds {
namespace {

using base::fail;
using net::Task;

constexpr unsigned kOk = 200;
constexpr unsigned kBadRequest = 400;
constexpr unsigned kNotFound = 404;

std::string could_not(const Request& request) { return "could not fetch " + describe(request); }

Error refused_by_service(const Request& request, const Origin& origin, unsigned status) {
  const std::string redirect = status / 100 == 3 ? ", a redirect, and none is followed" : "";
  return {ErrorKind::network, could_not(request),
          origin.url() + target(request) + " answered with status " + std::to_string(status) + redirect, ""};
}

Error unknown_to_service(const Request& request, const Origin& origin) {
  return {ErrorKind::network, could_not(request), origin.url() + " has none for " + target(request),
          "evidence with a made-up chip or TCB has no certificate; neither has an emulated guest at AMD's service"};
}

bool is_root(const Bytes& der) {
  const auto certificate = endorsements::Certificate::parse(der);
  return certificate && certificate->common_name().starts_with("ARK-");
}

}  // namespace

Source::Source(SourceOptions options)
    : options_(std::move(options)),
      client_(options_.origin, options_.limits, options_.pace, options_.warn),
      cache_(options_.cache_folder) {}

Task<Result<evidence::Evidence>> Source::complete(evidence::Evidence evidence, bool crl_wanted, base::Time now) {
  auto missing = find_missing(evidence, crl_wanted);
  if (!missing) co_return base::pass_on(missing);
  if (missing->nothing()) co_return evidence;
  const SteadyTime due = options_.pace.now() + options_.limits.total;
  auto added = co_await add_certificates(evidence, *missing, now, due);
  if (!added) co_return base::pass_on(added);
  if (missing->crl) {
    const Request request{What::crl, missing->kind, missing->products.front()};
    auto list = co_await get(request, now, due);
    if (!list) co_return base::pass_on(list);
    evidence.crls.push_back(std::move(list->objects.front()));
  }
  co_return evidence;
}

Task<Result<void>> Source::add_certificates(evidence::Evidence& evidence, Missing& missing, base::Time now,
                                            SteadyTime due) {
  if (missing.leaf) {
    auto vcek = co_await get_vcek(missing, now, due);
    if (!vcek) co_return base::pass_on(vcek);
    evidence.certificates.push_back(std::move(vcek->objects.front()));
  }
  if (missing.intermediate || missing.root) {
    const Request request{What::chain, missing.kind, missing.products.front()};
    auto chain = co_await get(request, now, due);
    if (!chain) co_return base::pass_on(chain);
    // Only what is missing: a second candidate for a place would be refused.
    for (Bytes& der : chain->objects) {
      if (is_root(der) ? missing.root : missing.intermediate) evidence.certificates.push_back(std::move(der));
    }
  }
  co_return Result<void>{};
}

// Where the product is open, the one that has a VCEK for this chip and TCB is the one; missing says so afterwards.
Task<Result<Answer>> Source::get_vcek(Missing& missing, base::Time now, SteadyTime due) {
  const std::vector<Product> candidates = missing.products;
  for (const Product product : candidates) {
    const Request request = vcek_request(product, missing.chip_id, missing.reported_tcb);
    if (auto kept = usable(request, now)) {
      missing.products = {product};
      co_return std::move(kept->answer);
    }
  }
  for (const Product product : candidates) {
    const Request request = vcek_request(product, missing.chip_id, missing.reported_tcb);
    auto answer = co_await get_if_there(request, now, due);
    if (!answer) co_return base::pass_on(answer);
    if (*answer) {
      missing.products = {product};
      co_return std::move(**answer);
    }
  }
  const Request last = vcek_request(candidates.back(), missing.chip_id, missing.reported_tcb);
  co_return tl::unexpected<Error>(unknown_to_service(last, options_.origin));
}

Task<Result<Answer>> Source::get(Request request, base::Time now, SteadyTime due) {
  auto answer = co_await get_if_there(request, now, due);
  if (!answer) co_return base::pass_on(answer);
  if (!*answer) co_return tl::unexpected<Error>(unknown_to_service(request, options_.origin));
  co_return std::move(**answer);
}

Task<Result<std::optional<Answer>>> Source::get_if_there(Request request, base::Time now, SteadyTime due) {
  co_await take_turn();
  std::optional<Answer> answer;
  // Whoever had the turn before may have fetched it.
  auto kept = usable(request, now);
  if (kept) answer = std::move(kept->answer);
  Result<std::optional<Answer>> outcome = std::move(answer);
  if (!kept && options_.offline) outcome = tl::unexpected<Error>(offline_error(request));
  if (!kept && !options_.offline) outcome = co_await fetch(std::move(request), now, due);
  end_turn();
  co_return outcome;
}

Task<Result<std::optional<Answer>>> Source::fetch(Request request, base::Time now, SteadyTime due) {
  const std::string name = cache_name(request);
  if (failure_ && failure_->name == name && options_.pace.now() < failure_->until) {
    co_return tl::unexpected<Error>(failure_->error);
  }
  failure_.reset();
  auto response = co_await client_.get(target(request), body_cap(request.what), due);
  if (!response) {
    const Error error{ErrorKind::network, could_not(request), options_.origin.url() + ": " + response.error().what,
                      "the server may deliver it with its evidence instead"};
    failure_ = Failure{name, options_.pace.now() + kThrottled, error};
    co_return tl::unexpected<Error>(error);
  }
  if (response->status == kNotFound || response->status == kBadRequest) co_return std::optional<Answer>{};
  if (response->status != kOk) {
    co_return tl::unexpected<Error>(refused_by_service(request, options_.origin, response->status));
  }
  const ByteView body = base::view(response->body);
  auto answer = read_answer(request, body);
  if (!answer) {
    co_return fail(ErrorKind::network, could_not(request),
                   options_.origin.url() + target(request) + " answered with something else: " + answer.error().what);
  }
  Cache::Entry entry{std::move(*answer), now};
  std::optional<Answer> out = entry.answer;
  auto kept = cache_.keep(request, body, std::move(entry));
  if (!kept && !std::exchange(warned_of_cache_, true) && options_.warn) {
    options_.warn("what was fetched cannot be kept: " + kept.error().what);
  }
  co_return out;
}

std::optional<Cache::Entry> Source::usable(const Request& request, base::Time now) {
  auto kept = cache_.find(request);
  if (kept && !options_.offline && !is_fresh(request, *kept, now)) kept.reset();
  return kept;
}

Task<void> Source::take_turn() {
  const auto executor = co_await net::asio::this_coro::executor;
  while (busy_) {
    const auto turn = std::make_shared<net::asio::steady_timer>(executor, SteadyTime::max());
    waiting_.push_back(turn);
    co_await turn->async_wait(net::kAwait);
  }
  busy_ = true;
}

void Source::end_turn() {
  busy_ = false;
  if (waiting_.empty()) return;
  waiting_.front()->cancel();
  waiting_.erase(waiting_.begin());
}

Error Source::offline_error(const Request& request) const {
  return {ErrorKind::network, could_not(request), "offline was asked for, and the cache has none",
          "fetch it once without --offline, or let the server deliver it with its evidence"};
}

}  // namespace blindbox::kds
