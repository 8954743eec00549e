// SPDX-License-Identifier: Apache-2.0
// One blob after the other becomes evidence; none is kept longer than it is looked at.
#pragma once

#include <string>
#include <vector>

#include "blindbox/intake/intake.h"
#include "blindbox/intake/internal/collector.h"

namespace blindbox::intake::internal {

class Session {
 public:
  // Errors as read_blobs has them.
  [[nodiscard]] Result<void> add(const Blob& blob);
  // What could not even be read.
  void leave_aside(std::string name, std::string why);
  [[nodiscard]] Result<Intake> finish() &&;

 private:
  // A source that only a quote elsewhere can tell.
  struct Open {
    std::size_t source = 0;  // its place in sources_
    bool optional = false;
    std::size_t size = 0;
  };
  [[nodiscard]] Result<void> close(const Open& open);

  Collector collector_;
  std::vector<Source> sources_;
  std::vector<Open> open_;
};

}  // namespace blindbox::intake::internal
