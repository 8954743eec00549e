// SPDX-License-Identifier: Apache-2.0
// Carries what the application prints to where it may go, without ever waiting: what cannot be written yet stays in the
// application's pipe.
#pragma once

#include <poll.h>

#include <string>

#include "blindbox/base/fd.h"

namespace blindbox::init {

class Output {
 public:
  // to: 1 or 2.
  explicit Output(int to) : to_(to) {}

  // A new pipe; its writing end goes to the application.
  [[nodiscard]] base::Fd open();
  // What to wait for; fd is -1 where there is nothing.
  [[nodiscard]] pollfd wish() const;
  // After poll: moves one piece.
  void move();

 private:
  int to_;
  base::Fd from_;
  std::string pending_;  // at most PIPE_BUF, so that a write that may begin can end
};

}  // namespace blindbox::init
