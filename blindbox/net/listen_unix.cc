// SPDX-License-Identifier: Apache-2.0
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "blindbox/base/fd.h"
#include "blindbox/net/connect.h"

namespace blindbox::net {
namespace {

tl::unexpected<Error> cannot_listen(const std::string& path, const std::string& why) {
  return base::fail(ErrorKind::io, "cannot listen on unix:" + path + ": " + why);
}

// Nobody answers there, and it is a socket: what a process that was killed leaves behind.
bool abandoned(const sockaddr_un& address) {
  struct stat info {};
  if (::lstat(address.sun_path, &info) != 0 || !S_ISSOCK(info.st_mode)) return false;
  const base::Fd probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  return ::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0 &&
         errno == ECONNREFUSED;
}

}  // namespace

Result<Acceptor> listen_unix(const Executor& executor, const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return cannot_listen(path, "the path must have 1 to " + std::to_string(sizeof address.sun_path - 1) + " bytes");
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  base::Fd listening(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!listening) return cannot_listen(path, std::strerror(errno));
  if (abandoned(address)) ::unlink(path.c_str());
  // The mode holds from the first moment on: no other user gets in between bind and a later chmod.
  const mode_t before = ::umask(0177);
  const int bound = ::bind(listening.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address);
  const int reason = errno;
  ::umask(before);
  if (bound != 0) {
    return cannot_listen(path, reason == EADDRINUSE ? "something else is there" : std::strerror(reason));
  }
  if (::listen(listening.get(), SOMAXCONN) != 0) return cannot_listen(path, std::strerror(errno));
  return Acceptor(executor, asio::generic::stream_protocol(AF_UNIX, 0), listening.release());
}

}  // namespace blindbox::net
