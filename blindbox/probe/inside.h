// SPDX-License-Identifier: Apache-2.0
// How a process that starts the sandbox hands the attempts in, and gets their result out.
#pragma once

#include "blindbox/probe/probe.h"

namespace blindbox::probe {

// As one argument of a command line. What belongs to the inside alone is not in it: own_processes and own_descriptors.
[[nodiscard]] std::string encode_settings(const Settings& settings);
// ErrorKind::malformed for what encode_settings() would not have written.
[[nodiscard]] Result<Settings> decode_settings(std::string_view json);

// The whole of a prober inside the sandbox: all attempts, and the report on standard output. Its parent, the sandbox's
// keeper, counts as one of the sandbox's own processes. Returns the exit status: 0 where the report was written.
[[nodiscard]] int run_inside(std::string_view settings);

}  // namespace blindbox::probe
