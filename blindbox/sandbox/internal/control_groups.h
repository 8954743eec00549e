// SPDX-License-Identifier: Apache-2.0
// Control groups, both versions: the memory and the number of processes of everything in the sandbox together.
#pragma once

#include <string>
#include <vector>

#include "blindbox/specification/specification.h"

namespace blindbox::sandbox::internal {

class ControlGroup {
 public:
  // Below this process's own group, with the limits set; where that is denied, why_not() says by what.
  [[nodiscard]] static ControlGroup make(const specification::Limits& limits);
  // Not tried.
  [[nodiscard]] static ControlGroup left_out();

  [[nodiscard]] const std::string& why_not() const { return why_not_; }
  [[nodiscard]] const std::string& detail() const { return detail_; }
  // Moves the calling process in; empty, or why not.
  [[nodiscard]] std::string join() const;
  // To be removed once nobody is in them any more.
  [[nodiscard]] const std::vector<std::string>& folders() const { return folders_; }

 private:
  ControlGroup() = default;
  void remove();
  std::vector<std::string> folders_;
  std::string why_not_;
  std::string detail_;
};

}  // namespace blindbox::sandbox::internal
