// SPDX-License-Identifier: Apache-2.0
// Where the real interfaces are, so that a test can say otherwise.
#pragma once

#include <string>

#include "blindbox/attester/attester.h"

namespace blindbox::attester::internal {

struct Surroundings {
  std::string tsm = "/sys/kernel/config/tsm/report";
  std::string sev_guest = "/dev/sev-guest";
  std::string sev = "/dev/sev";
  std::string azure;  // what UVM_SECURITY_CONTEXT_DIR says; empty when it is not set
};

[[nodiscard]] Result<std::unique_ptr<Attester>> open_attester(const Platform& platform, const Surroundings& around);

}  // namespace blindbox::attester::internal
