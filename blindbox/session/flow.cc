// SPDX-License-Identifier: Apache-2.0
#include <sys/eventfd.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>

#include "blindbox/base/bytes.h"
#include "blindbox/session/internal/flow.h"

namespace blindbox::session::internal {

namespace asio = net::asio;
using http::Framing;
using net::Duration;
using net::Task;
using std::chrono::steady_clock;

namespace {

// What "no limit" means to a reader that knows none.
constexpr Duration kForever = std::chrono::hours(24 * 365);

Duration or_forever(Duration limit) { return limit == Duration::zero() ? kForever : limit; }

bool reached(steady_clock::time_point begun, Duration limit) {
  return limit != Duration::zero() && steady_clock::now() - begun >= limit;
}

}  // namespace

void Shared::accept(const verifier::Verdict& verdict) {
  const std::lock_guard lock(mutex_);
  if (!latest_ || latest_->judged_at() != verdict.judged_at()) latest_ = verdict;
}

std::optional<verifier::Verdict> Shared::latest() {
  const std::lock_guard lock(mutex_);
  return latest_;
}

void Flow::finish(Outcome outcome) {
  const std::lock_guard lock(mutex_);
  outcome_ = std::move(outcome);
  (void)::eventfd_write(signal.get(), 1);
}

std::optional<Outcome> Flow::take() {
  const std::lock_guard lock(mutex_);
  if (!outcome_) return std::nullopt;
  eventfd_t count = 0;
  (void)::eventfd_read(signal.get(), &count);
  return std::exchange(outcome_, std::nullopt);
}

// An exception can only be a third party's here (no memory for a frame); it ends this exchange alone.
void Flow::spawn(Task<void> task) {
  busy_ = true;
  asio::co_spawn(shared->executor, std::move(task), [self = shared_from_this()](const std::exception_ptr& error) {
    if (error) self->fail({ErrorKind::internal, "the exchange ended by an exception", "", ""}, Phase::body);
  });
}

void Flow::end_step(Outcome outcome) {
  busy_ = false;
  finish(std::move(outcome));
}

void Flow::fail(Error error, Phase phase, bool timed_out) {
  Failure failure{std::move(error), phase, timed_out};
  if (lifetime_ && lifetime_->expired()) {
    failure.verdict_expired = true;
    failure.timed_out = false;
    failure.error = {ErrorKind::not_acceptable, "the answer took longer than its verdict is good for",
                     std::to_string(lifetime_->limit().count()) + " ms were left of it", "ask for less at a time"};
  } else if (over_ && !timed_out && failure.error.kind == ErrorKind::network) {
    failure.error = {ErrorKind::cancelled, "the exchange was cancelled", "", ""};
  }
  over_ = true;
  let_go();
  end_step({.failure = std::move(failure)});
}

void Flow::let_go() {
  lifetime_.reset();
  connecting_.reset();
  if (connection_) connection_->stream().close();
  connection_.reset();
}

void Flow::cancel() {
  if (over_) return;
  over_ = true;
  if (!busy_) return let_go();
  if (connection_) return connection_->stream().close();  // the step ends with an error, and lets go
  finish({.failure = Failure{{ErrorKind::cancelled, "the exchange was cancelled", "", ""}, Phase::connect}});
}

// ---- connecting ----

void Flow::limit_connecting(Duration limit) {
  if (limit == Duration::zero()) return;
  connecting_.emplace(shared->executor, limit);
  connecting_->async_wait([weak = weak_from_this(), limit](const net::error_code& error) {
    const auto self = weak.lock();
    if (error || !self || self->over_ || self->connection_) return;
    // The attempt goes on within its own bounds, and what comes of it serves the next request.
    self->over_ = true;
    self->finish({.failure = Failure{{ErrorKind::network,
                                      "no attested connection within " + std::to_string(limit.count()) + " ms", "", ""},
                                     Phase::connect,
                                     true}});
  });
}

Task<bool> Flow::connect() {
  const auto pool = shared->pool;
  auto taken = co_await pool->take();
  connecting_.reset();
  if (over_) {  // whoever asked has been told
    if (taken.connection) pool->give_back(std::move(*taken.connection));
    busy_ = false;
    co_return false;
  }
  if (!taken.connection) {
    Failure failure{taken.connection.error(), Phase::connect};
    failure.verdict = std::move(taken.verdict);
    over_ = true;
    end_step({.failure = std::move(failure)});
    co_return false;
  }
  connection_ = std::move(*taken.connection);
  shared->accept(connection_->verdict());
  co_return true;
}

void Flow::attest(Duration limit) {
  limit_connecting(limit);
  spawn(run_attest(shared_from_this()));
}

Task<void> Flow::run_attest(std::shared_ptr<Flow>) {
  const bool connected = co_await connect();
  if (!connected) co_return;
  Outcome outcome{.verdict = connection_->verdict()};
  shared->pool->give_back(std::move(connection_));
  over_ = true;
  end_step(std::move(outcome));
}

// ---- the request ----

void Flow::begin(Request request) {
  request_ = std::move(request);
  limit_connecting(request_.limits.connect);
  spawn(run_begin(shared_from_this()));
}

// No answer outlasts its verdict.
void Flow::start_lifetime() {
  const auto age = std::chrono::duration_cast<Duration>(connection_->verdict_age());
  net::TlsStream& stream = connection_->stream();
  lifetime_.emplace(shared->executor, [&stream] { stream.close(); });
  lifetime_->limit(std::max(shared->pool->options().verdict_lifetime - age, Duration(1)));
  lifetime_->start();
}

Task<void> Flow::run_begin(std::shared_ptr<Flow>) {
  const bool connected = co_await connect();
  if (!connected) co_return;
  start_lifetime();
  http::RequestHead head{request_.method, request_.target, http::end_to_end(request_.fields), request_.framing};
  if (!http::find_field(head.fields, "host")) {
    head.fields.insert(head.fields.begin(), {"Host", shared->pool->options().server.text()});
  }
  std::string text = http::write_head(head);
  const bool chunked = request_.framing.kind == Framing::Kind::chunked;
  sent_ = request_.body.size();
  text += chunked ? http::write_chunk(base::view(request_.body)) : request_.body;
  request_.body.clear();
  if (chunked && !request_.more) text += http::kLastChunk;
  co_await send(std::move(text), !request_.more);
}

void Flow::write(std::string piece, bool last) {
  if (over_ || busy_ || !connection_)
    return fail({ErrorKind::usage, "nothing can be written now", "", ""}, Phase::send);
  sent_ += piece.size();
  const Framing& framing = request_.framing;
  if (framing.kind == Framing::Kind::length && (sent_ > framing.length || (last && sent_ < framing.length))) {
    return fail({ErrorKind::usage, "the body and its stated length differ",
                 std::to_string(sent_) + " bytes, stated " + std::to_string(framing.length), ""},
                Phase::send);
  }
  spawn(run_write(shared_from_this(), std::move(piece), last));
}

Task<void> Flow::run_write(std::shared_ptr<Flow>, std::string piece, bool last) {
  std::string text = std::move(piece);
  if (request_.framing.kind == Framing::Kind::chunked) {
    text = http::write_chunk(base::view(text));
    if (last) text += http::kLastChunk;
  }
  co_await send(std::move(text), last);
}

Task<void> Flow::send(std::string bytes, bool last) {
  net::TlsStream& stream = connection_->stream();
  stream.set_write_deadline(request_.limits.write);
  const auto begun = steady_clock::now();
  auto put = co_await stream.write(base::view(bytes));
  if (!put && (over_ || reached(begun, request_.limits.write))) {
    fail(put.error(), Phase::send, !over_);
    co_return;
  }
  // A server that refuses a body may have answered before it closed, and its answer says more than a broken pipe.
  if (!put) co_return co_await receive_head(std::chrono::seconds(1), put.error());
  if (last) co_return co_await receive_head(request_.limits.read, std::nullopt);
  end_step({});
}

// ---- the answer ----

Task<void> Flow::receive_head(Duration limit, std::optional<Error> unsent) {
  http::ResponseReader& reader = connection_->responses();
  reader.set_stall(or_forever(limit));
  const auto begun = steady_clock::now();
  auto head = co_await reader.read_head(limit, request_.method == "HEAD");
  if (!head || !*head) {
    const bool late = reached(begun, limit) && !over_ && !unsent;
    const Error closed{ErrorKind::network, "the server closed the connection without an answer", "", ""};
    fail(unsent ? *unsent : head ? closed : head.error(), unsent ? Phase::send : Phase::head, late);
    co_return;
  }
  http::ResponseHead answer = std::move(**head);
  keep_alive_ = answer.keep_alive && !unsent;
  if (reader.complete()) end_of_answer();
  end_step({.head = std::move(answer)});
}

void Flow::end_of_answer() {
  http::ResponseReader& reader = connection_->responses();
  const bool clean = reader.complete() && reader.bytes_received() == reader.bytes_consumed();
  const bool expired = lifetime_->expired();
  lifetime_.reset();
  answered_ = true;
  over_ = true;
  reader.set_stall(http::kStallLimit);  // not this caller's: a new challenge on it has limits of its own
  if (keep_alive_ && clean && !expired) {
    shared->pool->give_back(std::move(connection_));
  } else {
    let_go();
  }
}

void Flow::read() {
  if (answered_) return finish({});
  if (over_ || busy_ || !connection_) return fail({ErrorKind::usage, "nothing can be read now", "", ""}, Phase::body);
  spawn(run_read(shared_from_this()));
}

Task<void> Flow::run_read(std::shared_ptr<Flow>) {
  connection_->stream().set_read_deadline(request_.limits.read);
  const auto begun = steady_clock::now();
  auto piece = co_await connection_->responses().read_body();
  if (!piece) {
    fail(piece.error(), Phase::body, reached(begun, request_.limits.read) && !over_);
    co_return;
  }
  Outcome outcome{.piece = std::string(base::as_text(*piece))};
  if (piece->empty()) end_of_answer();
  end_step(std::move(outcome));
}

}  // namespace blindbox::session::internal
