// SPDX-License-Identifier: Apache-2.0
// The specification's list of hosts and ports, asked.
#pragma once

#include <string_view>
#include <vector>

#include "blindbox/egress/target.h"
#include "blindbox/specification/specification.h"

namespace blindbox::egress {

class AllowList {
 public:
  explicit AllowList(std::vector<specification::Egress> entries) : entries_(std::move(entries)) {}

  // A name exactly, or below a "*.": then at least one label stands before it. An address only where it is listed
  // itself; no pattern matches one.
  [[nodiscard]] bool allows(const Target& target) const;

 private:
  std::vector<specification::Egress> entries_;
};

}  // namespace blindbox::egress
