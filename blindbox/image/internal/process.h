// SPDX-License-Identifier: Apache-2.0
// A small program, asked one question.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "blindbox/base/result.h"

namespace blindbox::image::internal {

struct Said {
  int status = 0;      // of its exit; -1 for a signal
  std::string output;  // standard output
};

// Found in PATH, without a shell; its standard error is ours. It is killed where it takes longer than limit or says
// more than cap bytes: ErrorKind::io, as where it cannot be started.
[[nodiscard]] Result<Said> ask_program(const std::vector<std::string>& arguments, const std::string& input,
                                       std::chrono::milliseconds limit, std::size_t cap);

}  // namespace blindbox::image::internal
