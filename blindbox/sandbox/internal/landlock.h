// SPDX-License-Identifier: Apache-2.0
// Landlock, by raw system calls: the kernel's header of Debian 12 ends before its network rules.
#pragma once

#include "blindbox/sandbox/helper.h"
#include "blindbox/sandbox/internal/record.h"
#include "blindbox/sandbox/sandbox.h"

namespace blindbox::sandbox::internal {

// The version of the interface, 0 where the kernel has none.
[[nodiscard]] int landlock_version();

// Applies what the kernel knows of it to the calling process and its descendants, and records landlock,
// landlock_network and landlock_scopes. Needs no_new_privileges.
void apply_landlock(const Settings& settings, Record& record);

// For a process of our own; empty, or what was not granted.
[[nodiscard]] std::string apply_helper_landlock(const HelperReach& reach);

}  // namespace blindbox::sandbox::internal
