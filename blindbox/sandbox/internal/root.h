// SPDX-License-Identifier: Apache-2.0
// The file system that the application sees: the image, read-only; a /dev of harmless devices; a /proc of its own;
// directories in memory.
#pragma once

#include "blindbox/sandbox/internal/record.h"
#include "blindbox/sandbox/sandbox.h"
#include "blindbox/sandbox/user.h"

namespace blindbox::sandbox::internal {

// Builds it in the calling process's mount namespace and makes it the root; records root, devices, proc and writable.
// Called by process 1 of the new process namespace, where there is one.
void make_root(const Settings& settings, const User& user, Record& record);

// Without a mount namespace: the container's own directories are what is written to, and their size has no limit.
void open_writable(const Settings& settings, const User& user, Record& record);

}  // namespace blindbox::sandbox::internal
