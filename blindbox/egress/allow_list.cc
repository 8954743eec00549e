// SPDX-License-Identifier: Apache-2.0
#include "blindbox/egress/allow_list.h"

#include <algorithm>

namespace blindbox::egress {
namespace {

bool matches(std::string_view pattern, const Target& target) {
  if (target.literal || !pattern.starts_with("*.")) return pattern == target.host;
  const std::string_view parent = pattern.substr(1);  // ".example.com"
  return target.host.size() > parent.size() && target.host.ends_with(parent);
}

}  // namespace

bool AllowList::allows(const Target& target) const {
  return std::ranges::any_of(entries_, [&](const specification::Egress& entry) {
    return entry.port == target.port && matches(entry.host, target);
  });
}

}  // namespace blindbox::egress
