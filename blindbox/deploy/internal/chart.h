// SPDX-License-Identifier: Apache-2.0
// The Helm chart but for its values: the same for everybody.
#pragma once

#include "blindbox/deploy/deployment.h"

namespace blindbox::deploy::internal {

// The gateway's own answer (blindbox/gateway): 200 once it has evidence and the application is well.
inline constexpr std::string_view kReadyPath = "/.well-known/blindbox/ready";

[[nodiscard]] std::vector<File> chart_files(const std::string& name);

}  // namespace blindbox::deploy::internal
