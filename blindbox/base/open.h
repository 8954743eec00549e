// SPDX-License-Identifier: Apache-2.0
// Opening what somebody else may have put there: a pipe or a device in a file's place holds up nobody.
#pragma once

#include <string>

#include "blindbox/base/fd.h"
#include "blindbox/base/result.h"

namespace blindbox::base {

// For reading. ErrorKind::io where there is nothing, and for folders, pipes, devices and sockets; never waits for a writer.
// A descriptor that this process was given and that is named as one (/dev/fd/N, /dev/stdin) may be a pipe.
[[nodiscard]] Result<Fd> open_regular(const std::string& path);

}  // namespace blindbox::base
