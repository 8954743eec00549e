// SPDX-License-Identifier: Apache-2.0
// Time that passes only by waiting for it, and a folder that goes with the test.
#pragma once

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <string>
#include <vector>

#include "blindbox/kds/pace.h"

namespace blindbox::kds::testing {

// Outlives the Pace that it hands out.
class FakeTime {
 public:
  [[nodiscard]] Pace pace() {
    return {[this] { return now_; }, [this](net::Duration time) { return wait(time); }, [] { return 0.5; }};
  }
  [[nodiscard]] const std::vector<net::Duration>& waits() const { return waits_; }
  void pass(std::chrono::steady_clock::duration time) { now_ += time; }

 private:
  net::Task<void> wait(net::Duration time) {
    waits_.push_back(time);
    now_ += time;
    co_return;
  }
  SteadyTime now_{std::chrono::hours(1)};
  std::vector<net::Duration> waits_;
};

class Folder {
 public:
  Folder() {
    path_ = (std::filesystem::temp_directory_path() / "blindbox-kds-XXXXXX").string();
    if (::mkdtemp(path_.data()) == nullptr) std::abort();
  }
  Folder(const Folder&) = delete;
  Folder& operator=(const Folder&) = delete;
  ~Folder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string path_;
};

}  // namespace blindbox::kds::testing
