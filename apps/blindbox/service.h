// SPDX-License-Identifier: Apache-2.0
// The proxy as a service of the user's own systemd.
#pragma once

#include <string>
#include <vector>

#include "blindbox/base/result.h"

namespace blindbox::apps {

inline constexpr const char* kServiceName = "blindbox-connect.service";

// The unit that runs program with arguments: without new privileges, and with the system calls and the kinds of socket
// that it needs.
[[nodiscard]] std::string service_unit(const std::string& program, const std::vector<std::string>& arguments);

// Write or remove the unit and tell systemd where it runs; each step is printed. ErrorKind::io where the file cannot be
// written; a systemd that is not there is told, and no error.
[[nodiscard]] Result<void> install_service(const std::vector<std::string>& arguments);
[[nodiscard]] Result<void> remove_service();

}  // namespace blindbox::apps
