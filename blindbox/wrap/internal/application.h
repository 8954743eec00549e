// SPDX-License-Identifier: Apache-2.0
// What an image's configuration says about its process, as a specification holds it.
#pragma once

#include "blindbox/image/manifest.h"
#include "blindbox/specification/specification.h"

namespace blindbox::wrap::internal {

// Fills in application and port. Adds to notes what the image asks for and does not get.
[[nodiscard]] Result<specification::Specification> complete(specification::Specification settings,
                                                            const image::Config& config,
                                                            std::vector<std::string>& notes);

}  // namespace blindbox::wrap::internal
