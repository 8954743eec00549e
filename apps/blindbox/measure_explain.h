// SPDX-License-Identifier: Apache-2.0
// Why an image's expected values are not those of the release before it.
#pragma once

#include <string>
#include <vector>

#include "measure_image.h"

namespace blindbox::apps {

struct Change {
  std::string what;           // "layer 1, root hash"
  std::string before, after;  // empty: there is none
  std::string because;
};

// older: a signed release's file, or the tag of a wrapped image. A release holds hashes alone, so that fields of its
// specification and policy cannot be named. Empty where every value is the same.
[[nodiscard]] Result<std::vector<Change>> explain(const MeasuredImage& now, const std::string& older,
                                                  const ImageOptions& options);

}  // namespace blindbox::apps
