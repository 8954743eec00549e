// SPDX-License-Identifier: Apache-2.0
// How long a step takes on this machine, so that a prompt is read in pieces that let nobody wait too long.
#pragma once

#include <algorithm>
#include <cstddef>

namespace blindbox::completion {

class Pace {
 public:
  // A step of tokens took so long. Steps of one token and of many are told apart: on a CPU the weights' way from
  // memory decides the one, arithmetic the other.
  void measured(std::size_t tokens, double milliseconds) {
    if (tokens == 0) return;
    if (tokens <= kFew) {
      step_ = mix(step_, milliseconds);
    } else {
      token_ = mix(token_, milliseconds / static_cast<double>(tokens));
    }
  }
  [[nodiscard]] double predict(std::size_t tokens) const {
    return std::max(step_, token_ * static_cast<double>(tokens));
  }
  // The largest step that stays within so many milliseconds, as far as one can tell; at least a few tokens, so that
  // a prompt comes to its end on any machine. Whole tiles: ggml multiplies four rows at once and what is left over one by
  // one, so that seven tokens take as long as eight.
  [[nodiscard]] std::size_t chunk(double milliseconds, std::size_t most) const {
    if (token_ <= 0) return most;
    const double tokens = std::min(milliseconds / token_, static_cast<double>(most));
    return std::max(static_cast<std::size_t>(tokens) / kTile * kTile, std::min(kTile, most));
  }

 private:
  static constexpr std::size_t kTile = 4;
  static constexpr std::size_t kFew = kTile - 1;
  static double mix(double old, double now) {
    // One step that was interrupted by a neighbour says little: no more than twice or half at once.
    return old <= 0 ? now : 0.7 * old + 0.3 * std::clamp(now, old / 2, 2 * old);
  }
  double step_ = 0;   // milliseconds of a step of a few tokens
  double token_ = 0;  // milliseconds of each token of a larger one
};

}  // namespace blindbox::completion
