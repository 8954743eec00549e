// SPDX-License-Identifier: Apache-2.0
#include "blindbox/page/page.h"

#include "blindbox/page/internal/embedded.h"

namespace blindbox::page {

std::optional<Asset> find_asset(std::string_view path) {
  for (const Embedded& file : embedded_assets()) {  // a handful
    if (file.path == path) return file.asset;
  }
  return std::nullopt;
}

http::Fields security_fields() {
  http::Fields fields;
  for (const auto& [name, value] : embedded_fields()) fields.emplace_back(name, value);
  return fields;
}

}  // namespace blindbox::page
