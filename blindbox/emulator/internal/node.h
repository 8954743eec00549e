// SPDX-License-Identifier: Apache-2.0
// What a path in the mounted folder means.
#pragma once

#include <string>
#include <string_view>

#include "blindbox/emulator/tsm_folder.h"

namespace blindbox::emulator::internal {

struct Node {
  enum class Kind { none, root, notice, sev_guest, sev, tsm, reports, instance, attribute };
  Kind kind = Kind::none;
  std::string instance;  // of instance and attribute
  const TsmAttribute* attribute = nullptr;

  [[nodiscard]] bool folder() const {
    return kind == Kind::root || kind == Kind::tsm || kind == Kind::reports || kind == Kind::instance;
  }
};

// By the shape of the path alone: an instance need not exist.
[[nodiscard]] Node node_at(std::string_view path);

}  // namespace blindbox::emulator::internal
