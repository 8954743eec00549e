// SPDX-License-Identifier: Apache-2.0
// Clocks, medians and the closing line that every program of this folder shares.
#pragma once

#include <cstdlib>
#include <string>
#include <vector>

#include "blindbox/base/result.h"

namespace blindbox::bench {

// Milliseconds. CPU time of all threads of this process, of the calling thread, and of the wall.
[[nodiscard]] double process_cpu_ms();
[[nodiscard]] double thread_cpu_ms();
[[nodiscard]] double wall_ms();

// Of at least one value; percent from 0 to 100, the nearest value from above.
[[nodiscard]] double percentile(std::vector<double> values, double percent);
[[nodiscard]] inline double median(std::vector<double> values) { return percentile(std::move(values), 50); }

// A benchmark that cannot do what it measures says why and ends: a figure of something else would be worse than none.
void require(bool condition, const std::string& what);
template <typename T>
[[nodiscard]] T take(Result<T> result) {
  require(result.has_value(), result ? "" : result.error().what + " " + result.error().detail);
  return std::move(*result);
}

// The last line: "what: 1.07 x (target at most 1.2, reached)".
enum class Target { at_most, at_least };
void closing_line(const std::string& what, double value, const std::string& unit, Target kind, double target);

}  // namespace blindbox::bench
