// SPDX-License-Identifier: Apache-2.0
#include "blindbox/image/store.h"

#include <cstdlib>

namespace blindbox::image {

Result<std::string> store_folder() {
  for (const auto& [name, below] : {std::pair{"BLINDBOX_STORE", ""},
                                    {"XDG_DATA_HOME", "/blindbox/images"},
                                    {"HOME", "/.local/share/blindbox/images"}}) {
    const char* const value = std::getenv(name);
    if (value != nullptr && value[0] == '/') return std::string(value) + below;
  }
  return base::fail(ErrorKind::usage, "there is no folder for images", "",
                    "set BLINDBOX_STORE, XDG_DATA_HOME or HOME to an absolute path");
}

Result<Reference> in_store(const Reference& registry) {
  if (registry.transport != Transport::registry || registry.tag.empty()) {
    return base::fail(ErrorKind::usage, "images of this machine go by a name with a tag, not by " + registry.text());
  }
  auto folder = store_folder();
  if (!folder) return base::pass_on(folder);
  Reference out;
  out.transport = Transport::oci_layout;
  out.path = std::move(*folder);
  Reference name = registry;
  name.digest.reset();
  out.name = name.full_name();
  return out;
}

}  // namespace blindbox::image
