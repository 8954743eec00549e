// SPDX-License-Identifier: Apache-2.0
// A two-way byte stream with deadlines. One read and one write may be under way at a time; all calls come from the
// stream's own executor.
#pragma once

#include <span>

#include "blindbox/base/bytes.h"
#include "blindbox/net/asio.h"

namespace blindbox::net {

class Stream {
 public:
  Stream() = default;
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;
  virtual ~Stream() = default;

  // One byte or more; 0 at an orderly end. ErrorKind::network otherwise.
  virtual Task<Result<std::size_t>> read_some(std::span<std::byte> into) = 0;
  // All of bytes, or an error.
  virtual Task<Result<void>> write(ByteView bytes) = 0;
  // Says the protocol's goodbye where it has one, then closes. Never waits longer than a second.
  virtual Task<void> shut_down() = 0;
  // At once; operations under way end with an error.
  virtual void close() = 0;
  // False when the peer has closed or has sent something that nobody asked for. Reads nothing.
  [[nodiscard]] virtual bool quiet() const = 0;

  [[nodiscard]] virtual Executor executor() = 0;
  // A read that takes longer ends, a write that does closes the stream; the error says which limit it was. Zero: none.
  virtual void set_read_deadline(Duration limit) = 0;
  virtual void set_write_deadline(Duration limit) = 0;
};

}  // namespace blindbox::net
