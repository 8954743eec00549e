// SPDX-License-Identifier: Apache-2.0
// Namespaces: what the sandbox has of its own. Each function returns empty, or why not.
#pragma once

#include <sys/types.h>

#include <string>

#include "blindbox/sandbox/user.h"

namespace blindbox::sandbox::internal {

// One CLONE_NEW* flag, for the calling process (CLONE_NEWPID: for its children).
[[nodiscard]] std::string enter(int flag);

// Brings the loopback interface of this network namespace up; a new one has it, and nothing else, down.
[[nodiscard]] std::string loopback_up();

// True when this process may map every user that it knows itself; else a namespace holds one user, by itself.
[[nodiscard]] bool maps_everybody();

// Called by the parent of a process that has entered a user namespace. Everybody as himself, or user as ourselves.
[[nodiscard]] std::string map_users(pid_t child, const User& user);

}  // namespace blindbox::sandbox::internal
