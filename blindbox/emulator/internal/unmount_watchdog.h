// SPDX-License-Identifier: Apache-2.0
// Unmounts for a process that was killed and could not.
#pragma once

#include <sys/types.h>

#include <string>

#include "blindbox/base/fd.h"
#include "blindbox/base/result.h"

namespace blindbox::emulator::internal {

// A child of one purpose: it waits for this process to end, and unmounts folder if nobody dismissed it before.
// libfuse's own auto_unmount would do, but its helper cannot be dismissed: it outlives a clean end for a moment, and
// may then take away what the next emulator has mounted on the same folder.
class UnmountWatchdog {
 public:
  // Forks: call it while the process has one thread.
  [[nodiscard]] static Result<UnmountWatchdog> start(const std::string& folder);
  UnmountWatchdog(UnmountWatchdog&& other) noexcept
      : child_(std::exchange(other.child_, -1)), alive_(std::move(other.alive_)) {}
  UnmountWatchdog& operator=(UnmountWatchdog&&) = delete;
  UnmountWatchdog(const UnmountWatchdog&) = delete;
  UnmountWatchdog& operator=(const UnmountWatchdog&) = delete;
  ~UnmountWatchdog();  // dismisses it

 private:
  UnmountWatchdog(pid_t child, base::Fd alive) : child_(child), alive_(std::move(alive)) {}
  pid_t child_;
  base::Fd alive_;
};

}  // namespace blindbox::emulator::internal
