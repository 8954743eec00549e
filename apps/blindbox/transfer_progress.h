// SPDX-License-Identifier: Apache-2.0
// Blobs on their way, before a person: a line for each on standard error, the last one drawn over.
#pragma once

#include <chrono>
#include <string>

#include "blindbox/image/transfer.h"

namespace blindbox::apps {

// Nothing is printed where standard error is no terminal.
class TransferProgress {
 public:
  TransferProgress();
  TransferProgress(const TransferProgress&) = delete;
  TransferProgress& operator=(const TransferProgress&) = delete;
  ~TransferProgress();
  void operator()(const image::Transfer& transfer);

 private:
  using Clock = std::chrono::steady_clock;
  bool on_terminal_;
  std::string line_;  // of which blob the open line is
  Clock::time_point drawn_;
};

}  // namespace blindbox::apps
