// SPDX-License-Identifier: Apache-2.0
// Hands an answer from the handler's thread to the connection's executor, a bounded number of bytes at a time.
#pragma once

#include <boost/asio/steady_timer.hpp>
#include <condition_variable>
#include <mutex>
#include <optional>

#include "blindbox/http/handler.h"
#include "blindbox/net/asio.h"

namespace blindbox::http::internal {

class Answer final : public ResponseSink, public std::enable_shared_from_this<Answer> {
 public:
  explicit Answer(const net::Executor& executor);

  // For the handler's thread.
  void respond(Response response) override;
  void begin_stream(unsigned status, std::string content_type) override;
  bool write(std::string chunk) override;
  void end() override;
  // The handler failed: no answer, or a stream that must not look whole.
  void break_off();
  [[nodiscard]] std::stop_token token() const { return stop_.get_token(); }

  // For the connection. What has come since the last call; waits until there is something.
  struct Step {
    std::optional<Response> response;
    unsigned stream_status = 0;  // not 0: a stream begins here
    std::string content_type;
    std::string chunk;
    bool ended = false;
    bool broken = false;
  };
  net::Task<Step> next();
  // The client is gone: the handler is asked to stop and its writes return false. From any thread.
  void abandon();

 private:
  void wake();

  net::asio::steady_timer news_;  // touched on its executor alone
  std::stop_source stop_;
  std::mutex mutex_;
  std::condition_variable taken_;
  Step step_;               // under mutex_
  bool answered_ = false;   // under mutex_: respond() or begin_stream() has been called
  bool abandoned_ = false;  // under mutex_
};

}  // namespace blindbox::http::internal
