// SPDX-License-Identifier: Apache-2.0
// The process of ours inside the sandbox: it reaps, hands out sockets, passes signals on and ends as the command does.
#pragma once

#include <sys/types.h>

#include "blindbox/sandbox/internal/record.h"
#include "blindbox/sandbox/sandbox.h"

namespace blindbox::sandbox::internal {

// What travels over the control descriptor, from the starter to the keeper: one signal's number as one byte.
// Never returns: exits with the command's status, 128+n after signal n, once nothing of the sandbox is left.
[[noreturn]] void keep(pid_t command, int control, int connector, pid_t starter);

}  // namespace blindbox::sandbox::internal
