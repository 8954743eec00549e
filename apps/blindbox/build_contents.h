// SPDX-License-Identifier: Apache-2.0
// What an image's files say of it before it is wrapped.
#pragma once

#include <string>
#include <vector>

#include "blindbox/image/transfer.h"

namespace blindbox::apps {

// Once unpacked as a runtime will: what would be refused there is not built, and not pushed to others. Of what would
// not start the notes tell: a user, a program or a folder that the configuration names and the image has not. (A note,
// since whoever runs the container may mount what is missing.)
[[nodiscard]] Result<void> check_contents(image::Source& source, const image::Image& image,
                                          std::vector<std::string>& notes);

}  // namespace blindbox::apps
