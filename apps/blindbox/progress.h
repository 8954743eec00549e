// SPDX-License-Identifier: Apache-2.0
// A line on standard error that is drawn over, for what takes more than two seconds before a person.
#pragma once

#include <fmt/format.h>

#include <chrono>
#include <string>

#include "command.h"

namespace blindbox::apps {

class Progress {
 public:
  Progress() = default;
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;
  ~Progress() { clear(); }

  // bytes; what names the thing under way.
  void operator()(std::uint64_t done, std::uint64_t total, const std::string& what = {}) {
    const auto now = Clock::now();
    if (!is_terminal(stderr) || now - begin_ < kPatience || (now - drawn_ < kStep && done < total)) return;
    constexpr std::uint64_t kWidth = 30;
    const std::uint64_t filled = total == 0 ? kWidth : kWidth * std::min(done, total) / total;
    fmt::print(stderr, "\r\x1b[K[{:=<{}}{: <{}}] {} of {} MiB{}{}", "", filled, "", kWidth - filled, done >> 20,
               total >> 20, what.empty() ? "" : "  ", what);
    drawn_ = now;
  }
  // Before a line of another kind.
  void clear() {
    if (drawn_ != Clock::time_point()) fmt::print(stderr, "\r\x1b[K");
    drawn_ = {};
  }

 private:
  using Clock = std::chrono::steady_clock;
  static constexpr std::chrono::seconds kPatience{2};
  static constexpr std::chrono::milliseconds kStep{100};
  Clock::time_point begin_ = Clock::now();
  Clock::time_point drawn_;
};

}  // namespace blindbox::apps
