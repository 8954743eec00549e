// SPDX-License-Identifier: Apache-2.0
#include "blindbox/kds/client.h"

#include <algorithm>

#include "blindbox/http/client.h"
#include "blindbox/net/deadline.h"
#include "blindbox/net/web.h"

namespace blindbox::kds {
namespace {

using base::fail;
using std::chrono::ceil;
using std::chrono::seconds;

constexpr unsigned kRequestTimeout = 408;
constexpr unsigned kTooManyRequests = 429;
constexpr unsigned kUnavailable = 503;
// From here on a person wants to know why nothing happens.
constexpr seconds kLongWait{2};

net::Duration milliseconds(std::chrono::steady_clock::duration time) { return ceil<net::Duration>(time); }
std::string in_seconds(net::Duration time) { return std::to_string(ceil<seconds>(time).count()) + " s"; }

}  // namespace

Client::Client(Origin origin, Limits limits, Pace pace, Warn warn)
    : origin_(std::move(origin)), limits_(limits), pace_(std::move(pace)), warn_(std::move(warn)) {}

// The whole of it within the limit: a service that trickles is cut off, not waited for byte by byte.
net::Task<Result<Client::Heard>> Client::ask_once(std::string target, std::size_t cap, net::Duration limit) {
  const auto start = std::chrono::steady_clock::now();
  if (origin_.tls && !tls_) {
    auto made = net::make_web_context();
    if (!made) co_return base::pass_on(made);
    tls_ = std::move(*made);
  }
  auto stream = co_await net::open_web(origin_.at, tls_.get(), limit);
  if (!stream) co_return base::pass_on(stream);
  net::Stream& open = **stream;
  net::Deadline overall(open.executor(), [&open] { open.close(); });
  overall.limit(std::max(limit - milliseconds(std::chrono::steady_clock::now() - start), net::Duration(1)));
  overall.start();
  Heard heard;
  bool oversize = false;
  http::Exchange request{"GET", std::move(target), {{"User-Agent", "blindbox"}, {"Accept", "*/*"}}, "", limit};
  auto head = co_await http::exchange_over(open, origin_.authority(), std::move(request), [&](ByteView piece) {
    oversize = heard.response.body.size() + piece.size() > cap;
    if (!oversize) heard.response.body += base::as_text(piece);
    return !oversize;
  });
  if (overall.expired()) {
    co_return fail(ErrorKind::network, "no whole answer within " + std::to_string(limit.count()) + " ms");
  }
  if (!head) co_return base::pass_on(head);
  heard.response.status = head->status;
  // Only what is of use has a size that matters.
  if (oversize && head->status == 200) {
    co_return fail(ErrorKind::limit, "the answer is larger than " + std::to_string(cap) + " bytes");
  }
  heard.retry_after = http::find_field(head->fields, "retry-after").value_or("");
  co_return heard;
}

std::optional<net::Duration> Client::pause_after(const Result<Heard>& heard, unsigned attempt) {
  if (!heard) {
    // What is not HTTP or too large today is so in a second.
    if (heard.error().kind != ErrorKind::network) return std::nullopt;
    return backoff(attempt, pace_.jitter());
  }
  const unsigned status = heard->response.status;
  if (status == kTooManyRequests || status == kUnavailable) {
    throttled_ = true;
    return std::max<net::Duration>(kThrottled, retry_after(heard->retry_after, base::now()));
  }
  if (status >= 500 || status == kRequestTimeout) return backoff(attempt, pace_.jitter());
  return std::nullopt;
}

net::Task<Result<Response>> Client::get(std::string target, std::size_t cap, SteadyTime due) {
  std::string last = "there was no time left";
  for (unsigned attempt = 0; attempt < limits_.attempts; ++attempt) {
    const auto wait = milliseconds(not_before_ - pace_.now());
    if (pace_.now() + std::max(wait, net::Duration(0)) >= due) {
      const std::string why = wait > net::Duration(0) ? "the next attempt would be in " + in_seconds(wait) : "";
      co_return fail(ErrorKind::network, why.empty() ? last : last + "; " + why + ", which is too late");
    }
    if (wait >= kLongWait && warn_) warn_("waiting " + in_seconds(wait) + " for " + origin_.url() + ": " + last);
    if (wait > net::Duration(0)) co_await pace_.wait(wait);
    const auto asked = pace_.now();
    auto heard = co_await ask_once(target, cap, std::min(limits_.request, milliseconds(due - asked)));
    if (throttled_) not_before_ = asked + kThrottled;
    const auto pause = pause_after(heard, attempt);
    if (heard && !pause) co_return std::move(heard->response);
    last = heard ? "it answered with status " + std::to_string(heard->response.status) : heard.error().what;
    if (!pause) co_return fail(ErrorKind::network, last);
    not_before_ = std::max(not_before_, pace_.now() + *pause);
  }
  co_return fail(ErrorKind::network, last + ", and so for " + std::to_string(limits_.attempts) + " attempts");
}

}  // namespace blindbox::kds
