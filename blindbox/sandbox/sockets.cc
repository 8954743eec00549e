// SPDX-License-Identifier: Apache-2.0
#include "blindbox/sandbox/internal/sockets.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>
#include <vector>

namespace blindbox::sandbox::internal {

using base::Fd;

Address loopback(Family family, std::uint16_t port) {
  Address address;
  if (family == Family::ipv6) {
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_addr = IN6ADDR_LOOPBACK_INIT;
    to.sin6_port = htons(port);
    std::memcpy(&address.storage, &to, address.length = sizeof to);
  } else {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    to.sin_port = htons(port);
    std::memcpy(&address.storage, &to, address.length = sizeof to);
  }
  return address;
}

Fd listen_loopback(std::uint16_t port) {
  Fd socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const Address at = loopback(Family::ipv4, port);
  const int yes = 1;
  if (!socket || ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) != 0 ||
      ::bind(socket.get(), at.get(), at.length) != 0 || ::listen(socket.get(), 128) != 0) {
    return {};
  }
  return socket;
}

bool serve_sockets(int keeper) {
  std::array<std::uint8_t, 2> request{};
  const ssize_t got = ::recv(keeper, request.data(), request.size(), MSG_DONTWAIT);
  if (got < 0) return errno == EAGAIN || errno == EINTR;
  if (got != 2) return false;
  const int family = request[0] == static_cast<std::uint8_t>(Family::ipv6) ? AF_INET6 : AF_INET;
  const std::size_t count = std::clamp<std::size_t>(request[1], 1, kSocketBatch);
  std::vector<Fd> sockets;
  std::uint8_t error = 0;
  while (sockets.size() < count) {
    Fd socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    if (!socket) {
      error = static_cast<std::uint8_t>(errno);
      break;
    }
    sockets.push_back(std::move(socket));
  }
  iovec piece{&error, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kSocketBatch * sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  if (!sockets.empty()) {
    header.msg_control = control.data();
    header.msg_controllen = CMSG_SPACE(sockets.size() * sizeof(int));
    cmsghdr* const rights = CMSG_FIRSTHDR(&header);
    rights->cmsg_level = SOL_SOCKET;
    rights->cmsg_type = SCM_RIGHTS;
    rights->cmsg_len = CMSG_LEN(sockets.size() * sizeof(int));
    for (std::size_t i = 0; i < sockets.size(); ++i) {
      const int descriptor = sockets[i].get();
      std::memcpy(CMSG_DATA(rights) + i * sizeof(int), &descriptor, sizeof(int));
    }
  }
  // Whoever asks and does not listen gets nothing; the keeper never waits.
  (void)::sendmsg(keeper, &header, MSG_NOSIGNAL | MSG_DONTWAIT);
  return true;
}

}  // namespace blindbox::sandbox::internal
