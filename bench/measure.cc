// SPDX-License-Identifier: Apache-2.0
#include "measure.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <ctime>

namespace blindbox::bench {
namespace {

double read(clockid_t clock) {
  timespec time{};
  (void)::clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) * 1e3 + static_cast<double>(time.tv_nsec) / 1e6;
}

}  // namespace

double process_cpu_ms() { return read(CLOCK_PROCESS_CPUTIME_ID); }
double thread_cpu_ms() { return read(CLOCK_THREAD_CPUTIME_ID); }
double wall_ms() { return read(CLOCK_MONOTONIC); }

double percentile(std::vector<double> values, double percent) {
  require(!values.empty(), "nothing was measured");
  std::sort(values.begin(), values.end());
  const double rank = std::ceil(percent / 100 * static_cast<double>(values.size()));
  return values[static_cast<std::size_t>(std::max(rank, 1.0)) - 1];
}

void require(bool condition, const std::string& what) {
  if (condition) return;
  fmt::print(stderr, "bench: error: {}\n", what);
  std::exit(EXIT_FAILURE);
}

void closing_line(const std::string& what, double value, const std::string& unit, Target kind, double target) {
  const bool reached = kind == Target::at_most ? value <= target : value >= target;
  const std::string number = value == std::floor(value) ? fmt::format("{:.0f}", value) : fmt::format("{:.2f}", value);
  fmt::print("{}: {} {} (target {} {:g}, {})\n", what, number, unit, kind == Target::at_most ? "at most" : "at least",
             target, reached ? "reached" : "MISSED");
}

}  // namespace blindbox::bench
