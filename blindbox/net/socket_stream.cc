// SPDX-License-Identifier: Apache-2.0
#include "blindbox/net/socket_stream.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <cerrno>

#include "blindbox/net/internal/io.h"

namespace blindbox::net {

SocketStream::SocketStream(Socket socket)
    : socket_(std::move(socket)),
      read_deadline_(socket_.get_executor(),
                     [this] {
                       error_code ignored;
                       socket_.cancel(ignored);  // and no close: there may be an answer to what never came whole
                     }),
      write_deadline_(socket_.get_executor(), [this] { close(); }) {
  const int on = 1;  // tokens leave as they are made; fails harmlessly on a Unix socket
  (void)::setsockopt(socket_.native_handle(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

Task<Result<std::size_t>> SocketStream::read_some(std::span<std::byte> into) {
  return internal::read_some(socket_, into, read_deadline_);
}

Task<Result<void>> SocketStream::write(ByteView bytes) { return internal::write(socket_, bytes, write_deadline_); }

Task<void> SocketStream::shut_down() {
  Deadline overall(socket_.get_executor(), [this] { close(); });
  overall.limit(std::chrono::seconds(1));
  overall.start();
  co_await internal::linger(socket_);
  close();
}

void SocketStream::close() {
  error_code ignored;
  socket_.close(ignored);
}

void SocketStream::finish_writing() {
  error_code ignored;
  socket_.shutdown(Socket::shutdown_send, ignored);
}

bool SocketStream::quiet() const {
  return socket_.is_open() && socket_quiet(const_cast<Socket&>(socket_).native_handle());
}

bool SocketStream::gone() const {
  if (!socket_.is_open()) return true;
  char byte = 0;
  const ssize_t got = ::recv(const_cast<Socket&>(socket_).native_handle(), &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got == 0 || (got < 0 && errno != EAGAIN && errno != EWOULDBLOCK && errno != EINTR);
}

Executor SocketStream::executor() { return socket_.get_executor(); }

bool socket_quiet(int fd) {
  char byte = 0;
  const ssize_t got = ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT);
  return got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK);
}

}  // namespace blindbox::net
