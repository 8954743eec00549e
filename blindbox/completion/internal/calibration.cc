// SPDX-License-Identifier: Apache-2.0
#include "blindbox/completion/internal/calibration.h"

#include <llama.h>

#include <algorithm>
#include <chrono>

#include "blindbox/completion/internal/kv_memory.h"

namespace blindbox::completion {
namespace {

using Clock = std::chrono::steady_clock;

// Milliseconds; negative where it failed.
double time_step(const Llama& llama, std::size_t count, bool learn) {
  llama_memory_clear(llama_get_memory(llama.context.get()), false);
  Tokens tokens(count, 0);
  llama.memory->begin_step(learn);
  const auto start = Clock::now();
  const std::int32_t status =
      llama_decode(llama.context.get(), llama_batch_get_one(tokens.data(), static_cast<std::int32_t>(count)));
  const double milliseconds = std::chrono::duration<double, std::milli>(Clock::now() - start).count();
  return status == 0 ? milliseconds : -1;
}

// The better of two: the first step of its size also builds its graph.
double time_twice(const Llama& llama, std::size_t count) {
  const double first = time_step(llama, count, false);
  return std::min(first, time_step(llama, count, false));
}

}  // namespace

Result<Calibration> calibrate(const Llama& llama, std::size_t batch) {
  constexpr std::size_t kGuess = 4;
  const std::size_t many = std::min<std::size_t>(batch, 16);
  Calibration out;
  try {
    const bool computed = time_step(llama, 1, true) >= 0;
    if (!computed) return base::fail(ErrorKind::model, "the model cannot compute a single token");
    if (auto known = llama.memory->check(1); !known) return base::pass_on(known);
    out.bytes_per_cell = llama.memory->bytes_per_cell();
    llama.memory->settle();
    const double one = time_twice(llama, 1);
    const double few = time_twice(llama, std::min(batch, kGuess));
    const double chunk = time_twice(llama, many);
    if (one < 0 || few < 0 || chunk < 0) return base::fail(ErrorKind::model, "the model cannot compute a step");
    out.pace.measured(1, one);
    if (many > kGuess) out.pace.measured(many, chunk);
    out.lookup_pays = few < 2 * one;
    llama_memory_clear(llama_get_memory(llama.context.get()), false);
    std::vector<Cell> used(many);
    for (std::size_t i = 0; i < many; ++i) used[i] = static_cast<Cell>(i);
    llama.memory->wipe(used);
    return out;
  } catch (const std::exception&) {
    return base::fail(ErrorKind::model, "the model cannot compute a step");
  }
}

}  // namespace blindbox::completion
