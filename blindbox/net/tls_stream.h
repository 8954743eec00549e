// SPDX-License-Identifier: Apache-2.0
// A Stream over TLS. What makes the session trustworthy is not decided here but in attested_tls.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/stream.hpp>

#include "blindbox/net/deadline.h"
#include "blindbox/net/stream.h"

namespace blindbox::net {

class TlsStream final : public Stream {
 public:
  enum class Role { client, server };
  TlsStream(Socket socket, asio::ssl::context& context);

  // ErrorKind::network with the reason that OpenSSL gives. The read deadline bounds the whole handshake.
  Task<Result<void>> handshake(Role role);

  Task<Result<std::size_t>> read_some(std::span<std::byte> into) override;
  Task<Result<void>> write(ByteView bytes) override;
  Task<void> shut_down() override;
  void close() override;
  [[nodiscard]] bool quiet() const override;
  [[nodiscard]] Executor executor() override;
  void set_read_deadline(Duration limit) override { read_deadline_.limit(limit); }
  void set_write_deadline(Duration limit) override { write_deadline_.limit(limit); }

  [[nodiscard]] SSL* native_handle() { return tls_.native_handle(); }

 private:
  // mutable: Asio's accessors of sockets and SSL handles are not const.
  mutable asio::ssl::stream<Socket> tls_;
  Deadline read_deadline_;
  Deadline write_deadline_;
};

}  // namespace blindbox::net
