// SPDX-License-Identifier: Apache-2.0
// What runs on the loop behind one Exchange.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <mutex>

#include "blindbox/base/fd.h"
#include "blindbox/net/deadline.h"
#include "blindbox/session/internal/pool.h"

namespace blindbox::session::internal {

// Of one session; touched on its loop alone, but for latest.
struct Shared {
  Shared(net::Executor of, std::shared_ptr<Pool> from) : executor(std::move(of)), pool(std::move(from)) {}
  const net::Executor executor;
  const std::shared_ptr<Pool> pool;

  void accept(const verifier::Verdict& verdict);
  [[nodiscard]] std::optional<verifier::Verdict> latest();

 private:
  std::mutex mutex_;
  std::optional<verifier::Verdict> latest_;
};

struct Flow : std::enable_shared_from_this<Flow> {
  Flow(std::shared_ptr<Shared> of, base::Fd event) : shared(std::move(of)), signal(std::move(event)) {}

  // From any thread.
  void finish(Outcome outcome);
  [[nodiscard]] std::optional<Outcome> take();

  // On the loop.
  void begin(Request request);
  void attest(net::Duration limit);
  void write(std::string piece, bool last);
  void read();
  void cancel();

  const std::shared_ptr<Shared> shared;
  const base::Fd signal;  // eventfd

 private:
  net::Task<void> run_begin(std::shared_ptr<Flow> self);
  net::Task<void> run_attest(std::shared_ptr<Flow> self);
  net::Task<void> run_write(std::shared_ptr<Flow> self, std::string piece, bool last);
  net::Task<void> run_read(std::shared_ptr<Flow> self);
  // True when there is a connection; else the outcome has been told.
  net::Task<bool> connect();
  net::Task<void> send(std::string bytes, bool last);
  net::Task<void> receive_head(net::Duration limit, std::optional<Error> unsent);
  void spawn(net::Task<void> task);
  void limit_connecting(net::Duration limit);
  void start_lifetime();
  void end_of_answer();
  // Ends the step, and the exchange with it.
  void fail(Error error, Phase phase, bool timed_out = false);
  void end_step(Outcome outcome);
  void let_go();

  Request request_;
  std::uint64_t sent_ = 0;  // bytes of the body
  Connection connection_;
  std::optional<net::Deadline> lifetime_;
  std::optional<net::asio::steady_timer> connecting_;
  bool keep_alive_ = false;  // says the answer
  bool busy_ = false;        // a step is under way and uses the connection
  bool over_ = false;        // nothing more may begin
  bool answered_ = false;    // the whole answer has been read
  std::mutex mutex_;
  std::optional<Outcome> outcome_;
};

}  // namespace blindbox::session::internal
