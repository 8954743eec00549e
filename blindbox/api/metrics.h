// SPDX-License-Identifier: Apache-2.0
// Counters for Prometheus that tell an operator how the server does and nobody what a single request was: no text, no
// tenants, no times of single requests. Counts are rounded down, and what is shown changes once in a while, all at once,
// so that two readings do not enclose one request (docs/threat-model.md).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>

#include "blindbox/completion/engine.h"

namespace blindbox::api {

class Metrics {
 public:
  static constexpr std::uint64_t kRequestStep = 10;
  static constexpr std::uint64_t kTokenStep = 1000;
  static constexpr std::chrono::seconds kInterval{15};

  enum class Result { answered, refused, failed, cancelled };

  void count(const char* protocol, Result result);
  void observe(double first_token_ms, double whole_ms);

  // In the text format 0.0.4; the same text within an interval.
  [[nodiscard]] std::string text(const completion::EngineStatus& engine, completion::SteadyTime now);

 private:
  // Upper bounds in seconds.
  static constexpr std::array kBounds = {0.25, 1.0, 5.0, 30.0};
  struct Histogram {
    std::array<std::uint64_t, kBounds.size() + 1> counts{};  // not cumulative; the last one is beyond all bounds
    std::uint64_t all = 0;
    double sum = 0;
    double counted_sum = 0;  // of as many as are shown: a counter must never fall, as a share of the sum would
    void add(double seconds);
    void write(std::string& out, const char* name, const char* help) const;
  };

  [[nodiscard]] std::string fresh(const completion::EngineStatus& engine) const;

  std::mutex mutex_;
  std::map<std::pair<std::string, Result>, std::uint64_t> requests_;
  Histogram first_token_;
  Histogram whole_;
  std::string shown_;
  completion::SteadyTime until_;
};

}  // namespace blindbox::api
