// SPDX-License-Identifier: Apache-2.0
// Times as ext4 keeps them, by hcsshim's converter, which decides what Azure's hosts mount.
#pragma once

#include "blindbox/archive/numbers.h"

namespace blindbox::measure::internal {

using archive::Time;

// ext4's seconds with two more bits (34) and nanoseconds above them; 0 is no time. Times that do not fit become the
// nearest that does. A time before 1970 sets every upper bit, as the original does, so it does not read back the same.
[[nodiscard]] std::uint64_t to_ext4_time(const Time& time);
[[nodiscard]] Time from_ext4_time(std::uint64_t time);

}  // namespace blindbox::measure::internal
