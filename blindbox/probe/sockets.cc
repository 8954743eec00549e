// SPDX-License-Identifier: Apache-2.0
// Sockets of every other kind: the host's, the kernel's, and Unix sockets of whoever is outside.
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/vm_sockets.h>
#include <net/if.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <array>
#include <cstring>

#include "blindbox/base/fd.h"
#include "blindbox/probe/internal/attempt.h"

namespace blindbox::probe::internal {
namespace {

Finding open_packet(const Settings&) {
  int error = 0;
  for (const int type : {SOCK_RAW, SOCK_DGRAM}) {
    const base::Fd fd(::socket(AF_PACKET, type | SOCK_CLOEXEC, 0));
    if (fd) return escaped("a packet socket was opened");
    error = errno;
  }
  return blocked(error);
}

// vsock knows no network name spaces: whoever opens one talks to the host.
Finding open_vsock(const Settings&) {
  int error = 0;
  for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_SEQPACKET}) {
    const base::Fd fd(::socket(AF_VSOCK, type | SOCK_CLOEXEC, 0));
    if (fd) return escaped("a socket to the host was opened");
    error = errno;
  }
  return blocked(error);
}

Finding open_other_family(const Settings&) {
  constexpr int kFamilies = 64;
  int error = EAFNOSUPPORT;
  for (int family = 1; family < kFamilies; ++family) {
    if (family == AF_UNIX || family == AF_INET || family == AF_INET6 || family == AF_NETLINK || family == AF_PACKET ||
        family == AF_VSOCK) {
      continue;  // these have attempts of their own
    }
    for (const int type : {SOCK_STREAM, SOCK_DGRAM, SOCK_RAW, SOCK_SEQPACKET}) {
      const base::Fd fd(::socket(family, type | SOCK_CLOEXEC, 0));
      if (fd) return escaped("a socket of family " + std::to_string(family) + " was opened");
      if (errno == EPERM || errno == EACCES) error = errno;
    }
  }
  return blocked(error);
}

Finding open_netlink(const Settings&) {
  int error = 0;
  for (int protocol = 1; protocol < 32; ++protocol) {
    const base::Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol));
    if (fd) return escaped("a netlink socket of protocol " + std::to_string(protocol) + " was opened");
    if (errno != EPROTONOSUPPORT || error == 0) error = errno;
  }
  return blocked(error);
}

// RTM_NEWLINK on the loopback device with nothing to change: the kernel asks for CAP_NET_ADMIN before it looks.
Finding change_links(const Settings&) {
  const base::Fd fd(::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE));
  if (!fd) return blocked(errno);
  struct Request {
    nlmsghdr head;
    ifinfomsg link;
  } request{};
  request.head.nlmsg_len = sizeof request;
  request.head.nlmsg_type = RTM_NEWLINK;
  request.head.nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK;
  request.link.ifi_family = AF_UNSPEC;
  request.link.ifi_index = 1;
  if (::send(fd.get(), &request, sizeof request, 0) < 0) return blocked(errno);
  struct Answer {
    nlmsghdr head;
    nlmsgerr error;
    std::array<char, 256> rest;
  } answer{};
  const ssize_t got = ::recv(fd.get(), &answer, sizeof answer, 0);
  if (got < 0) return blocked(errno);
  if (static_cast<std::size_t>(got) < sizeof answer.head + sizeof answer.error ||
      answer.head.nlmsg_type != NLMSG_ERROR) {
    return not_applicable("an answer that is none");
  }
  if (answer.error.error < 0) return blocked(-answer.error.error);
  return escaped("the network's devices and routes can be changed");
}

// name: with a leading zero byte where it is abstract.
Finding connect_unix(const std::string& name) {
  sockaddr_un address{};
  if (name.size() >= sizeof address.sun_path) return not_applicable("a name that is too long");
  address.sun_family = AF_UNIX;
  std::memcpy(address.sun_path, name.data(), name.size());
  const bool abstract = name.front() == '\0';
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + name.size() + (abstract ? 0 : 1));
  int error = 0;
  for (const int type : {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM}) {
    const base::Fd fd(::socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    if (!fd) return blocked(errno);
    if (::connect(fd.get(), reinterpret_cast<const sockaddr*>(&address), length) == 0 || errno == EAGAIN) {
      return escaped("connected to " + (abstract ? "@" + name.substr(1) : name));
    }
    if (error == 0 || errno != EPROTOTYPE) error = errno;
  }
  return blocked(error);
}

Finding connect_abstract(const Settings& settings) {
  Finding last = not_applicable("no abstract socket outside is known");
  for (const std::string& name : settings.unix_abstract) {
    last = connect_unix(std::string(1, '\0') + name);
    if (last.outcome == Outcome::escaped) return last;
  }
  return last;
}

Finding connect_path(const Settings& settings) {
  std::vector<std::string> paths = settings.unix_paths;
  for (const char* const known :
       {"/run/docker.sock", "/var/run/docker.sock", "/run/containerd/containerd.sock", "/run/crio/crio.sock",
        "/run/podman/podman.sock", "/run/dbus/system_bus_socket", "/run/systemd/private", "/run/systemd/notify",
        "/run/systemd/journal/stdout", "/dev/log"}) {
    paths.emplace_back(known);
  }
  std::optional<Finding> first;
  for (const std::string& path : paths) {
    const Finding found = path.empty() ? not_applicable("") : connect_unix(path);
    if (found.outcome == Outcome::escaped) return found;
    if (!first) first = found;
  }
  return *first;
}

}  // namespace

void add_sockets(Catalogue& to) {
  to.push_back({"packet.open", "open a packet socket, below IP", open_packet});
  to.push_back({"vsock.open", "open a socket to the host of the virtual machine", open_vsock});
  to.push_back({"sockets.other_family", "open a socket of any other family", open_other_family});
  to.push_back({"netlink.change", "change network devices and routes over netlink", change_links});
  to.push_back({"netlink.other", "open a netlink socket to another part of the kernel than routing", open_netlink});
  to.push_back({"unix.abstract", "connect to an abstract Unix socket outside", connect_abstract});
  to.push_back({"unix.path", "connect to a Unix socket outside by its path", connect_path});
}

}  // namespace blindbox::probe::internal
