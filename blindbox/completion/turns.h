// SPDX-License-Identifier: Apache-2.0
// One at a time, first come first served, and not more waiting than a number.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <deque>
#include <mutex>
#include <stop_token>
#include <utility>

#include "blindbox/base/result.h"

namespace blindbox::completion {

class Turns {
 public:
  // So many may wait beside the one whose turn it is.
  explicit Turns(std::size_t waiting) : waiting_(waiting) {}
  Turns(const Turns&) = delete;
  Turns& operator=(const Turns&) = delete;
  ~Turns() = default;

  // A turn, ended by its destruction. Must not outlive the Turns.
  class Turn {
   public:
    explicit Turn(Turns& turns) : turns_(&turns) {}
    Turn(Turn&& other) noexcept : turns_(std::exchange(other.turns_, nullptr)) {}
    Turn& operator=(Turn&&) = delete;
    Turn(const Turn&) = delete;
    Turn& operator=(const Turn&) = delete;
    ~Turn() {
      if (turns_ != nullptr) turns_->next();
    }

   private:
    Turns* turns_;
  };

  // Waits for the caller's turn. ErrorKind::limit, at once, where too many wait; ErrorKind::cancelled when stop is
  // requested first, and the place in the queue is given up.
  [[nodiscard]] Result<Turn> wait(const std::stop_token& stop);

  // How many wait or have their turn.
  [[nodiscard]] std::size_t length() const;

 private:
  void next();

  std::size_t waiting_;
  mutable std::mutex mutex_;
  std::condition_variable_any changed_;
  std::deque<std::uint64_t> line_;  // the front has its turn
  std::uint64_t tickets_ = 0;
};

}  // namespace blindbox::completion
