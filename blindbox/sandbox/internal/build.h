// SPDX-License-Identifier: Apache-2.0
// The processes that make a sandbox. main.cc of it, so to speak: the steps in their order.
#pragma once

#include <sys/types.h>

#include "blindbox/sandbox/internal/control_groups.h"
#include "blindbox/sandbox/internal/record.h"
#include "blindbox/sandbox/sandbox.h"
#include "blindbox/sandbox/user.h"

namespace blindbox::sandbox::internal {

struct Plan {
  const Settings& settings;
  const User& user;
  const ControlGroup& group;
  int control = -1;  // the keeper's end
  pid_t starter = -1;
};

// In a forked copy of the starter: enters the namespaces and leaves the keeper behind as the starter's child.
[[noreturn]] void build(const Plan& plan, Record record);

// In the last process: gives up everything that is left, and becomes the command.
[[noreturn]] void run_command(const Plan& plan, Record& record, bool own_processes, pid_t keeper);

}  // namespace blindbox::sandbox::internal
