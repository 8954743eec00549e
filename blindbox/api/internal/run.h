// SPDX-License-Identifier: Apache-2.0
// One call through the engine: its requests side by side, the stop rules over what is said, and the answer as it comes
// or at once.
#pragma once

#include <atomic>
#include <mutex>
#include <stop_token>

#include "blindbox/api/call.h"
#include "blindbox/api/errors.h"
#include "blindbox/http/handler.h"

namespace blindbox::api::internal {

class Run {
 public:
  Run(completion::Generator& generator, const About& about, Call& call, Shape shape, http::ResponseSink& sink)
      : generator_(generator), about_(about), call_(call), shape_(shape), sink_(sink) {}
  Run(const Run&) = delete;
  Run& operator=(const Run&) = delete;
  ~Run() = default;

  enum class End { answered, cancelled, failed, refused };
  // Answers in any case, unless the client is gone.
  End run(const std::stop_token& stop);
  [[nodiscard]] const std::vector<Said>& said() const { return said_; }
  // Tokens read and made, for whoever went away as well.
  [[nodiscard]] std::uint64_t spent() const { return spent_; }

 private:
  class Hearing;

  Result<Said> one(std::size_t index, const std::stop_token& stop);
  std::vector<Result<Said>> all(const std::stop_token& stop);
  End finish(std::vector<Result<Said>> results);
  // Writes to the stream, which begins only now: until the first text an error can still be told by the status.
  bool write(std::string text);
  void begin();

  completion::Generator& generator_;
  const About& about_;
  Call& call_;
  Shape shape_;
  http::ResponseSink& sink_;
  std::vector<Said> said_;
  std::atomic<std::uint64_t> spent_ = 0;
  std::mutex mutex_;  // of the writer and the sink
  bool begun_ = false;
};

}  // namespace blindbox::api::internal
