// SPDX-License-Identifier: Apache-2.0
// "blindbox policy pin": what evidence that has just verified says, written into a policy.
#pragma once

#include "verify_sources.h"

namespace blindbox::apps {

struct PinOptions {
  SourceOptions source;
  std::optional<std::string> policy;  // absent: a beginning for the platform that the evidence comes from
  bool write = false;                 // into the policy's own file
};

// The exit status. Nothing is written unless the evidence is accepted by all that the policy says but what is pinned.
[[nodiscard]] int pin(const PinOptions& options);

}  // namespace blindbox::apps
