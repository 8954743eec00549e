// SPDX-License-Identifier: Apache-2.0
// The texts of a virtual machine's recipe that are the same for everybody.
#pragma once

#include <string_view>

namespace blindbox::deploy::internal {

// Without their first lines, which name what is built: see vm.cc.
extern const std::string_view kBuildImage;
extern const std::string_view kInitrd;
extern const std::string_view kUploadAzure, kUploadAws, kUploadGcp;

}  // namespace blindbox::deploy::internal
