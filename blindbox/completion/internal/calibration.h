// SPDX-License-Identifier: Apache-2.0
// The first steps of a model that was just loaded: how its memory lies, and how fast this machine is with it.
#pragma once

#include "blindbox/completion/internal/llama_handles.h"
#include "blindbox/completion/internal/pace.h"

namespace blindbox::completion {

struct Calibration {
  Pace pace;
  std::size_t bytes_per_cell = 0;
  bool lookup_pays = false;  // a step of four tokens takes less than twice one of one
};

// Leaves the context empty, and the memory of what was never used unused.
[[nodiscard]] Result<Calibration> calibrate(const Llama& llama, std::size_t batch);

}  // namespace blindbox::completion
