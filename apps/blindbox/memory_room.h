// SPDX-License-Identifier: Apache-2.0
// How much memory this process and its children may still take.
#pragma once

#include <cstdint>
#include <string>

#include "blindbox/base/result.h"

namespace blindbox::apps {

struct MemoryRoom {
  std::uint64_t bytes = 0;
  std::string of;  // what sets it: "this machine" or a control group
};

// The least of what the machine has available, swap included, and what the control groups of this process (version 2 or 1)
// may hold at all: caches that the kernel would give up for us are room. Files that are not there set no limit.
[[nodiscard]] MemoryRoom memory_room();

// ErrorKind::model where a model of so many bytes cannot be loaded: it exists twice then, as it was read and as the engine
// wants it. Told before it is read, for the kernel ends without a word whoever takes too much.
[[nodiscard]] Result<void> has_room_for_model(std::uint64_t bytes, const MemoryRoom& room);

}  // namespace blindbox::apps
