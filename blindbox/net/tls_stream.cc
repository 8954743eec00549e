// SPDX-License-Identifier: Apache-2.0
#include "blindbox/net/tls_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include "blindbox/net/internal/io.h"
#include "blindbox/net/socket_stream.h"

namespace blindbox::net {

TlsStream::TlsStream(Socket socket, asio::ssl::context& context)
    : tls_(std::move(socket), context),
      read_deadline_(tls_.get_executor(),
                     [this] {
                       error_code ignored;
                       tls_.next_layer().cancel(ignored);  // and no close, as in SocketStream
                     }),
      write_deadline_(tls_.get_executor(), [this] { close(); }) {
  const int on = 1;
  (void)::setsockopt(tls_.next_layer().native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Task<Result<void>> TlsStream::handshake(Role role) {
  read_deadline_.start();
  const auto type = role == Role::client ? asio::ssl::stream_base::client : asio::ssl::stream_base::server;
  const auto [error] = co_await tls_.async_handshake(type, kAwait);
  read_deadline_.stop();
  if (!error) co_return Result<void>{};
  auto failed = internal::failure("the TLS handshake", error, read_deadline_);
  // What OpenSSL calls a version is the start of a record that is none.
  if (role == Role::client && error.category() == asio::error::get_ssl_category() &&
      ERR_GET_REASON(static_cast<unsigned long>(error.value())) == SSL_R_WRONG_VERSION_NUMBER) {
    failed.value().hint = "what answers there speaks no TLS: is it a plain HTTP server, or is the port wrong?";
  }
  co_return failed;
}

// An end without close_notify may be an attacker's: Asio reports it as an error, not as an orderly end.
Task<Result<std::size_t>> TlsStream::read_some(std::span<std::byte> into) {
  return internal::read_some(tls_, into, read_deadline_);
}

Task<Result<void>> TlsStream::write(ByteView bytes) { return internal::write(tls_, bytes, write_deadline_); }

Task<void> TlsStream::shut_down() {
  Deadline overall(tls_.get_executor(), [this] { close(); });
  overall.limit(std::chrono::seconds(1));
  overall.start();
  co_await tls_.async_shutdown(kAwait);
  co_await internal::linger(tls_.next_layer());
  close();
}

void TlsStream::close() {
  error_code ignored;
  tls_.next_layer().close(ignored);
}

bool TlsStream::quiet() const {
  return tls_.next_layer().is_open() && SSL_pending(tls_.native_handle()) == 0 &&
         socket_quiet(tls_.next_layer().native_handle());
}

Executor TlsStream::executor() { return tls_.get_executor(); }

}  // namespace blindbox::net
