// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace blindbox::base {

// HOME where it is an absolute path, else what the system's list of users says; "/nonexistent" where that says nothing
// either, so that nothing is ever put below the root by mistake.
[[nodiscard]] std::string home_folder();

}  // namespace blindbox::base
