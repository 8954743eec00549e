// SPDX-License-Identifier: Apache-2.0
#include "blindbox/sandbox/connector.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <sstream>

#include "blindbox/sandbox/internal/record.h"
#include "blindbox/sandbox/internal/sockets.h"

namespace blindbox::sandbox {

using base::Fd;
using internal::failed;

Result<ConnectorEnds> make_connector() {
  std::array<int, 2> ends{};
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()) != 0)
    return base::fail(ErrorKind::io, failed("socketpair"));
  return ConnectorEnds{Fd(ends[0]), Fd(ends[1])};
}

Result<void> ask_sockets(int asker, Family family, std::size_t count) {
  const std::array<std::uint8_t, 2> request = {
      static_cast<std::uint8_t>(family), static_cast<std::uint8_t>(std::clamp<std::size_t>(count, 1, kSocketBatch))};
  if (::send(asker, request.data(), request.size(), MSG_NOSIGNAL | MSG_DONTWAIT) != 2)
    return base::fail(ErrorKind::io, "the sandbox takes no request for sockets", failed("send"));
  return {};
}

Result<std::vector<Fd>> take_sockets(int asker) {
  std::uint8_t error = 0;
  iovec piece{&error, 1};
  alignas(cmsghdr) std::array<char, CMSG_SPACE(kSocketBatch * sizeof(int))> control{};
  msghdr header{};
  header.msg_iov = &piece;
  header.msg_iovlen = 1;
  header.msg_control = control.data();
  header.msg_controllen = control.size();
  ssize_t got = 0;
  do {
    got = ::recvmsg(asker, &header, MSG_CMSG_CLOEXEC);
  } while (got < 0 && errno == EINTR);
  if (got != 1) return base::fail(ErrorKind::io, "the sandbox hands out no sockets any more", failed("recvmsg"));
  std::vector<Fd> sockets;
  for (cmsghdr* rights = CMSG_FIRSTHDR(&header); rights != nullptr; rights = CMSG_NXTHDR(&header, rights)) {
    if (rights->cmsg_level != SOL_SOCKET || rights->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (rights->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int descriptor = -1;
      std::memcpy(&descriptor, CMSG_DATA(rights) + i * sizeof(int), sizeof(int));
      sockets.emplace_back(descriptor);
    }
  }
  if (sockets.empty()) return base::fail(ErrorKind::network, "the sandbox made no socket", failed("socket", error));
  return sockets;
}

Result<Fd> connect_inside(int asker, std::uint16_t port, int limit_ms) {
  std::string why;
  for (const Family family : {Family::ipv4, Family::ipv6}) {
    if (auto asked = ask_sockets(asker, family, 1); !asked) return base::pass_on(asked);
    pollfd answer{asker, POLLIN, 0};
    if (::poll(&answer, 1, limit_ms) != 1) return base::fail(ErrorKind::network, "the sandbox does not answer");
    auto sockets = take_sockets(asker);
    if (!sockets) {
      why = sockets.error().detail;
      continue;
    }
    const auto address = internal::loopback(family, port);
    if (::connect(sockets->front().get(), address.get(), address.length) == 0) return std::move(sockets->front());
    why = failed("connect");
  }
  return base::fail(ErrorKind::network, "nobody listens on port " + std::to_string(port) + " in the sandbox", why);
}

Result<std::vector<std::uint32_t>> listeners(std::uint16_t port) {
  std::vector<std::uint32_t> uids;
  bool readable = false;
  for (const char* const path : {"/proc/net/tcp", "/proc/net/tcp6"}) {
    std::ifstream file(path);
    std::string line;
    readable = readable || file.is_open();
    std::getline(file, line);  // the heading
    while (std::getline(file, line)) {
      // sl local rem st queues timer retransmits uid ...; proc_net_tcp.rst. The state of a listener is 0A.
      std::istringstream fields(line);
      std::string slot, local, remote, state, queues, timer, retransmits;
      std::uint32_t uid = 0;
      if (!(fields >> slot >> local >> remote >> state >> queues >> timer >> retransmits >> uid)) continue;
      const auto colon = local.rfind(':');
      if (state != "0A" || colon == std::string::npos) continue;
      if (std::strtoul(local.c_str() + colon + 1, nullptr, 16) != port) continue;
      if (std::find(uids.begin(), uids.end(), uid) == uids.end()) uids.push_back(uid);
    }
  }
  if (!readable) return base::fail(ErrorKind::platform, "cannot read /proc/net/tcp");
  return uids;
}

}  // namespace blindbox::sandbox
