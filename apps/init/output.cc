// SPDX-License-Identifier: Apache-2.0
#include "output.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <climits>

namespace blindbox::init {

base::Fd Output::open() {
  std::array<int, 2> pipe{};
  if (::pipe2(pipe.data(), O_CLOEXEC) != 0) return {};
  from_ = base::Fd(pipe[0]);
  return base::Fd(pipe[1]);
}

pollfd Output::wish() const {
  if (!pending_.empty()) return {to_, POLLOUT, 0};
  return {from_ ? from_.get() : -1, POLLIN, 0};
}

void Output::move() {
  if (!pending_.empty()) {
    const ssize_t put = ::write(to_, pending_.data(), pending_.size());
    if (put >= 0) {
      pending_.erase(0, static_cast<std::size_t>(put));
    } else if (errno != EINTR && errno != EAGAIN) {
      pending_.clear();  // nobody reads any more; the application is not to stop for that
    }
    return;
  }
  std::array<char, PIPE_BUF> piece{};
  const ssize_t got = ::read(from_.get(), piece.data(), piece.size());
  if (got > 0) pending_.assign(piece.data(), static_cast<std::size_t>(got));
  if (got == 0 || (got < 0 && errno != EINTR)) from_.reset();
}

}  // namespace blindbox::init
