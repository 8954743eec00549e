// SPDX-License-Identifier: Apache-2.0
// A Stream over a plain TCP or Unix socket.
#pragma once

#include "blindbox/net/deadline.h"
#include "blindbox/net/stream.h"

namespace blindbox::net {

class SocketStream final : public Stream {
 public:
  explicit SocketStream(Socket socket);

  Task<Result<std::size_t>> read_some(std::span<std::byte> into) override;
  Task<Result<void>> write(ByteView bytes) override;
  Task<void> shut_down() override;
  void close() override;
  [[nodiscard]] bool quiet() const override;
  [[nodiscard]] Executor executor() override;
  // True when the peer has closed or broken the connection and nothing it sent is left to read.
  [[nodiscard]] bool gone() const;
  // Says that nothing more will be written; what the peer still sends is read as before.
  void finish_writing();
  void set_read_deadline(Duration limit) override { read_deadline_.limit(limit); }
  void set_write_deadline(Duration limit) override { write_deadline_.limit(limit); }

 private:
  Socket socket_;
  Deadline read_deadline_;
  Deadline write_deadline_;
};

// True when nothing can be read from a socket right now and the peer has not closed it.
[[nodiscard]] bool socket_quiet(int fd);

}  // namespace blindbox::net
