// SPDX-License-Identifier: Apache-2.0
// What the next step computes: a token of every request that generates, and of the prompts as much as keeps the step
// short. Pure arithmetic; knows neither llama.cpp nor threads.
#pragma once

#include <chrono>
#include <vector>

#include "blindbox/completion/internal/decoder.h"

namespace blindbox::completion {

struct PlanLimits {
  std::size_t batch;    // tokens of prompts in a step
  double stall;         // milliseconds that a step may hold up the others
  std::size_t context;  // of one sequence
  bool lookup;          // guess ahead by prompt lookup
  bool others_wait;     // somebody is in the queue
};

// active is not empty. Tenants have equal parts of what is read of prompts; what one does not need the others may use.
[[nodiscard]] std::vector<Piece> plan_step(const std::vector<Job*>& active, const Pace& pace, const PlanLimits& limits);

}  // namespace blindbox::completion
