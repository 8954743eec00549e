// SPDX-License-Identifier: Apache-2.0
// Who the user is to a registry, from the files that docker and podman keep and the helpers that they name.
#pragma once

#include <functional>
#include <string>

#include "blindbox/base/result.h"

namespace blindbox::image::internal {

struct Credentials {
  std::string user{};
  std::string password{};
  std::string identity_token{};  // in place of both
  [[nodiscard]] bool empty() const { return user.empty() && password.empty() && identity_token.empty(); }
};

// Files in the order that podman and skopeo ask: $REGISTRY_AUTH_FILE, $DOCKER_CONFIG/config.json,
// $XDG_RUNTIME_DIR/containers/auth.json, ~/.config/containers/auth.json, ~/.docker/config.json; in each of them
// credHelpers, then auths, most specific first, then credsStore. Empty where there are none. What is damaged is told to
// warn and passed over: the registry may need nobody's name.
[[nodiscard]] Credentials find_credentials(const std::string& host, const std::string& repository,
                                           const std::function<void(const std::string&)>& warn);

}  // namespace blindbox::image::internal
