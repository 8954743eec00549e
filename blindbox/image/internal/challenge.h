// SPDX-License-Identifier: Apache-2.0
// What a registry wants to know of who asks (RFC 9110, section 11.6.1; the distribution's token authentication).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace blindbox::image::internal {

struct Challenge {
  std::string scheme;                               // lower case
  std::map<std::string, std::string> parameters{};  // keys in lower case
};
// All that a WWW-Authenticate field holds; as far as it can be read.
[[nodiscard]] std::vector<Challenge> parse_challenges(std::string_view field);

}  // namespace blindbox::image::internal
