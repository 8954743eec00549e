// SPDX-License-Identifier: Apache-2.0
// One step of the model for several requests at once, and how it is broken off.
#pragma once

#include <cstdint>
#include <vector>

#include "blindbox/completion/internal/job.h"
#include "blindbox/completion/internal/pace.h"

namespace blindbox::completion {

// A request's part of a step: its next count tokens, and behind them a guess of what follows.
struct Piece {
  Job* job;
  std::size_t count;
  Tokens draft;
  std::int32_t first = 0;  // index of its first token in the step

  [[nodiscard]] std::size_t size() const { return count + draft.size(); }
  [[nodiscard]] bool reaches_end() const { return count == job->left(); }
};

class Decoder {
 public:
  enum class Done { yes, aborted, failed };

  // Both must outlive this object.
  Decoder(const Llama& llama, Pace& pace);
  Decoder(const Decoder&) = delete;
  Decoder& operator=(const Decoder&) = delete;
  ~Decoder();

  // Computes the pieces, at most as many tokens as the context takes in a step. Asks for logits where a piece reaches
  // its request's end. A step whose requests have all ended is broken off at the next node of the graph; where only
  // some have, when more than a moment of it is left and it is not the second in a row: whoever cancels all the time
  // holds up nobody for longer than twice. What was broken off is not in the context.
  Done compute(std::vector<Piece>& pieces);
  // The time that the last step took.
  [[nodiscard]] double milliseconds() const { return milliseconds_; }

 private:
  static bool on_node(void* self);
  [[nodiscard]] bool should_stop() const;
  Done decode(const std::vector<Piece>& pieces, std::size_t total);

  const Llama& llama_;
  Pace& pace_;
  const std::vector<Piece>* flying_ = nullptr;
  SteadyTime begun_;
  double predicted_ = 0;
  double milliseconds_ = 0;
  bool spared_ = true;  // the step before this one was not broken off
};

}  // namespace blindbox::completion
