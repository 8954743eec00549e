// SPDX-License-Identifier: Apache-2.0
// One request and its answer over an attested connection, step by step. A step runs on the session's loop; its end makes a
// descriptor readable, so that a caller can wait in whatever way is its own: blocked in poll(), or in an event loop.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "blindbox/session/loop.h"
#include "blindbox/session/request.h"
#include "blindbox/verifier/verdict.h"

namespace blindbox::session {

// How far an exchange had come. Nothing of the request has left before send.
enum class Phase { connect, send, head, body };
[[nodiscard]] const char* phase_name(Phase phase);

struct Failure {
  Error error;
  Phase phase = Phase::connect;
  bool timed_out = false;                      // the caller's own limit
  bool verdict_expired = false;                // an answer may not outlast its verdict (docs/protocol.md)
  std::optional<verifier::Verdict> verdict{};  // of a refusal
};

struct Outcome {
  std::optional<Failure> failure{};
  std::optional<http::ResponseHead> head{};    // of the step that ended the request
  std::string piece{};                         // of read(): empty at the end of the body
  std::optional<verifier::Verdict> verdict{};  // of Session::attest()
};

namespace internal {
struct Flow;
}

// Used by one thread at a time. The destructor cancels what has not ended.
class Exchange {
 public:
  Exchange(std::shared_ptr<Loop> loop, std::shared_ptr<internal::Flow> flow);
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;
  ~Exchange();

  // Readable once the step under way has ended; -1 in a child after fork().
  [[nodiscard]] int fd() const;
  // The outcome of the step that has ended; nullopt while it is under way, or when none was begun.
  [[nodiscard]] std::optional<Outcome> take();

  // The next step; no other may be under way. More of the body; last: it is the end of the request, and the outcome brings the
  // head of the answer.
  void write(std::string piece, bool last);
  // The next piece of the answer's body.
  void read();
  // Gives the connection up unless the answer was read to its end: HTTP/1.1 has no other way to say that nobody waits.
  // From any thread; the step under way ends soon, with ErrorKind::cancelled where nothing else ended it.
  void cancel();

 private:
  void step(std::function<void(const std::shared_ptr<internal::Flow>&)> begin);
  std::shared_ptr<Loop> loop_;
  std::shared_ptr<internal::Flow> flow_;
};

}  // namespace blindbox::session
