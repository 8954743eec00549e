// SPDX-License-Identifier: Apache-2.0
// Which interface evidence is asked of, as a user names it.
#pragma once

#include <string>
#include <string_view>

#include "blindbox/base/result.h"

namespace blindbox::attester {

struct Platform {
  enum class Kind {
    automatic,       // detection among the real ones
    sev_guest,       // the ioctl of /dev/sev-guest (or of a 5.x kernel's /dev/sev)
    tsm,             // configfs-tsm
    azure,           // Azure's security context directory; the report comes from the device
    emulator,        // a folder where "blindbox emulator" is mounted, over its configfs-tsm
    emulator_ioctl,  // the same over its device file, which must be able to read the caller's memory
  };
  Kind kind = Kind::automatic;
  // The device or folder; empty means the platform's own place. Never empty for an emulator.
  std::string path;
};

// "auto", "sev-guest[:PATH]", "tsm[:DIR]", "azure[:DIR]", "emulator:DIR", "emulator-ioctl:DIR"; else ErrorKind::usage.
[[nodiscard]] Result<Platform> parse_platform(std::string_view text);

}  // namespace blindbox::attester
