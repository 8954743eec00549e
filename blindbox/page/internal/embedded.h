// SPDX-License-Identifier: Apache-2.0
// What embed.cmake writes into the build folder: the files of page/dist and the headers of page/headers.json.
#pragma once

#include <span>
#include <string_view>
#include <utility>

#include "blindbox/page/page.h"

namespace blindbox::page {

struct Embedded {
  std::string_view path;  // the whole one, kRoot included
  Asset asset;
};

[[nodiscard]] std::span<const Embedded> embedded_assets();
[[nodiscard]] std::span<const std::pair<std::string_view, std::string_view>> embedded_fields();

}  // namespace blindbox::page
