// SPDX-License-Identifier: Apache-2.0
// Opening what somebody else may have put there: a pipe or a device in a file's place holds up nobody.
#pragma once

#include <string>

#include "blindbox/base/fd.h"
#include "blindbox/base/result.h"

namespace blindbox::base {

// A regular file, for reading, or a pipe that this process was given and that is named as a descriptor of its own
// (/dev/fd/N, /dev/stdin): what a shell makes of <(COMMAND). ErrorKind::io where there is nothing, and for folders, devices,
// sockets and all other pipes; never waits for a writer.
[[nodiscard]] Result<Fd> open_input(const std::string& path);

}  // namespace blindbox::base
