// SPDX-License-Identifier: Apache-2.0
// The closed environment: what the image says, what the specification lets in, and nothing else.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace blindbox::sandbox {

// image: "NAME=value" as measured. passed: names whose values come from container, the environment that we were started
// with; one that is not there is left out. home: HOME where nothing else says it. proxy_port: of the egress proxy on the
// inner loopback, 0 where there is none; it wins over what anybody else says.
[[nodiscard]] std::vector<std::string> closed_environment(const std::vector<std::string>& image,
                                                          const std::vector<std::string>& passed,
                                                          const std::vector<std::string>& container,
                                                          const std::string& home, std::uint16_t proxy_port);

}  // namespace blindbox::sandbox
