// SPDX-License-Identifier: Apache-2.0
// A hole in a real Python file of this machine that the embedded model has not seen in training.
#pragma once

#include <optional>

#include "blindbox/infill/infill.h"

namespace blindbox::apps {

struct DemoHole {
  std::string file;
  std::size_t line = 0;  // from 1
  std::string before;    // the two lines above and the line up to the hole
  std::string original;  // what stood in the hole
  std::string after;     // the line below
  infill::Hole hole;
};

// nullopt where this machine has no Python library.
[[nodiscard]] std::optional<DemoHole> find_demo_hole();

}  // namespace blindbox::apps
