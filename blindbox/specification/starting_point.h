// SPDX-License-Identifier: Apache-2.0
// The blindbox.yml that "blindbox init" writes.
#pragma once

#include "blindbox/specification/specification.h"

namespace blindbox::specification {

// With a comment on every key. port 0: the image is to say, and the key stands there as a comment.
[[nodiscard]] std::string starting_point(Platform platform, std::uint16_t port);

}  // namespace blindbox::specification
