// SPDX-License-Identifier: Apache-2.0
// Packets: everything that could carry bytes to an address outside.
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <optional>

#include "blindbox/base/fd.h"
#include "blindbox/probe/internal/attempt.h"

namespace blindbox::probe::internal {
namespace {

constexpr int kMptcp = 262;
constexpr int kPatience = 500;  // milliseconds for an answer over loopback

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  int family = AF_UNSPEC;
  bool loopback = false;
  std::string text;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

std::optional<Address> address_of(const Outside& from) {
  Address out;
  out.text = from.address + " port " + std::to_string(from.port);
  sockaddr_in v4{};
  sockaddr_in6 v6{};
  if (::inet_pton(AF_INET, from.address.c_str(), &v4.sin_addr) == 1) {
    v4.sin_family = AF_INET;
    v4.sin_port = htons(from.port);
    std::memcpy(&out.storage, &v4, sizeof v4);
    out.length = sizeof v4;
    out.loopback = ntohl(v4.sin_addr.s_addr) >> 24 == 127;
  } else if (::inet_pton(AF_INET6, from.address.c_str(), &v6.sin6_addr) == 1) {
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(from.port);
    std::memcpy(&out.storage, &v6, sizeof v6);
    out.length = sizeof v6;
    out.loopback = IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr);
  } else {
    return std::nullopt;
  }
  out.family = out.storage.ss_family;
  return out;
}

// The same IPv4 address as an IPv6 socket writes it, past a filter that knows AF_INET alone.
std::optional<Address> mapped(const Outside& from) {
  if (from.address.find(':') != std::string::npos) return std::nullopt;
  const auto v4 = address_of(from);
  auto v6 = address_of({"::ffff:" + from.address, from.port});
  if (v4 && v6) v6->loopback = v4->loopback;
  return v6;
}

// What is always tried: the clouds' metadata services, and documentation addresses (RFC 5737, RFC 3849), which a default
// route would carry off like any other.
std::vector<Outside> everywhere(const std::vector<Outside>& given) {
  std::vector<Outside> out = given;
  for (const Outside& one : std::initializer_list<Outside>{{"169.254.169.254", 80},
                                                           {"168.63.129.16", 80},
                                                           {"198.51.100.1", 9},
                                                           {"fd00:ec2::254", 80},
                                                           {"2001:db8::1", 9}}) {
    out.push_back(one);
  }
  return out;
}

// And the resolver that the container was given.
std::vector<Outside> with_resolvers(std::vector<Outside> out) {
  std::ifstream file("/etc/resolv.conf");
  for (std::string line; out.size() < 16 && std::getline(file, line);) {
    if (line.starts_with("nameserver ")) out.push_back({line.substr(11), 53});
  }
  return out;
}

// Errors that come before any packet: no permission, no such protocol, no route.
bool stayed_inside(int error) {
  constexpr std::array kInside = {EPERM,           EACCES,          ENOSYS, ENETUNREACH,   EHOSTUNREACH, EAFNOSUPPORT,
                                  EOPNOTSUPP,      EPROTONOSUPPORT, EINVAL, EADDRNOTAVAIL, EPROTOTYPE,   ENETDOWN,
                                  ESOCKTNOSUPPORT, ENOPROTOOPT,     ENODEV, EMFILE,        ENOBUFS,      ENOTCONN};
  return std::ranges::find(kInside, error) != kInside.end();
}

// What begins a connection; true where it says that it has begun.
using Begin = std::function<ssize_t(int, const Address&)>;

ssize_t by_connect(int fd, const Address& to) { return ::connect(fd, to.get(), to.length); }

ssize_t by_fast_open(int fd, const Address& to) {
  return ::sendto(fd, "x", 1, MSG_FASTOPEN | MSG_NOSIGNAL, to.get(), to.length);
}

Finding finish_loopback(int fd, const Address& to) {
  pollfd one{fd, POLLOUT, 0};
  if (::poll(&one, 1, kPatience) != 1) return blocked(ETIMEDOUT);
  int error = 0;
  socklen_t length = sizeof error;
  (void)::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length);
  return error != 0 ? blocked(error) : escaped("connected to " + to.text);
}

Finding connect_one(const Address& to, int protocol, const Begin& begin) {
  const base::Fd fd(::socket(to.family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, protocol));
  if (!fd) return blocked(errno);
  const ssize_t begun = begin(fd.get(), to);
  const int error = begun < 0 ? errno : 0;
  if (to.loopback) {
    if (error == 0) return escaped("connected to " + to.text);
    return error == EINPROGRESS ? finish_loopback(fd.get(), to) : blocked(error);
  }
  return stayed_inside(error) ? blocked(error) : escaped("a packet left for " + to.text);
}

// The first that gets out; else what stopped the first of them.
template <typename One>
Finding any_of(const std::vector<Outside>& targets, const One& one) {
  std::optional<Finding> first;
  for (const Outside& target : targets) {
    std::optional<Finding> found = one(target);
    if (!found) continue;
    if (found->outcome == Outcome::escaped) return *found;
    if (!first) first = std::move(found);
  }
  return first ? *first : not_applicable("no address to try");
}

Try connecting(int protocol, Begin begin) {
  return [protocol, begin](const Settings& settings) {
    return any_of(everywhere(settings.tcp), [&](const Outside& target) -> std::optional<Finding> {
      const auto to = address_of(target);
      return to ? std::optional(connect_one(*to, protocol, begin)) : std::nullopt;
    });
  };
}

Finding connect_mapped(const Settings& settings) {
  return any_of(everywhere(settings.tcp), [](const Outside& target) -> std::optional<Finding> {
    const auto to = mapped(target);
    return to ? std::optional(connect_one(*to, 0, by_connect)) : std::nullopt;
  });
}

// Over loopback a datagram that nobody takes is nothing: only an answer is an escape.
Finding send_one(const Address& to, int protocol) {
  const base::Fd fd(::socket(to.family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol));
  if (!fd) return blocked(errno);
  if (to.loopback && ::connect(fd.get(), to.get(), to.length) != 0) return blocked(errno);
  const std::array<char, 12> datagram{};
  const ssize_t sent = to.loopback
                           ? ::send(fd.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL)
                           : ::sendto(fd.get(), datagram.data(), datagram.size(), MSG_NOSIGNAL, to.get(), to.length);
  if (sent < 0) return stayed_inside(errno) || to.loopback ? blocked(errno) : escaped("a datagram left for " + to.text);
  if (!to.loopback) return escaped("a datagram left for " + to.text);
  pollfd one{fd.get(), POLLIN, 0};
  if (::poll(&one, 1, kPatience) != 1) return blocked(ETIMEDOUT, "nobody answered");
  std::array<char, 64> answer{};
  return unless_failed(::recv(fd.get(), answer.data(), answer.size(), 0), "an answer came from " + to.text);
}

Try sending(int protocol) {
  return [protocol](const Settings& settings) {
    return any_of(with_resolvers(everywhere(settings.udp)), [&](const Outside& target) -> std::optional<Finding> {
      const auto to = address_of(target);
      return to ? std::optional(send_one(*to, protocol)) : std::nullopt;
    });
  };
}

Finding open_any(std::initializer_list<std::array<int, 3>> sockets, const std::string& meaning) {
  int error = 0;
  for (const auto& [family, type, protocol] : sockets) {
    const base::Fd fd(::socket(family, type | SOCK_CLOEXEC, protocol));
    if (fd) return escaped(meaning);
    error = errno;
  }
  return blocked(error);
}

Finding open_raw(const Settings&) {
  return open_any({{AF_INET, SOCK_RAW, IPPROTO_RAW},
                   {AF_INET, SOCK_RAW, IPPROTO_ICMP},
                   {AF_INET6, SOCK_RAW, IPPROTO_RAW},
                   {AF_INET6, SOCK_RAW, IPPROTO_ICMPV6}},
                  "a raw socket was opened");
}

Finding open_ping(const Settings&) {
  return open_any({{AF_INET, SOCK_DGRAM, IPPROTO_ICMP}, {AF_INET6, SOCK_DGRAM, IPPROTO_ICMPV6}},
                  "an ICMP socket was opened");
}

// A port that others could reach: a network of its own is what hides it.
Finding reachable(long result, const Settings& settings) {
  if (result < 0) return blocked(errno);
  if (!network_is_shared(settings)) return blocked(0, "a port was opened, in a network of its own");
  return escaped("a port is open on the container's network");
}

Finding listen_unbound(const Settings& settings) {
  const base::Fd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!fd) return blocked(errno);
  return reachable(::listen(fd.get(), 1), settings);
}

template <int Type>
Finding bind_other(const Settings& settings) {
  const base::Fd fd(::socket(AF_INET, Type | SOCK_CLOEXEC, 0));
  if (!fd) return blocked(errno);
  // From 20000 on: none of the ports that connections get by themselves, and the first that is free.
  for (std::uint16_t port = 20000; port < 20032; ++port) {
    if (port == settings.application_port) continue;
    const auto to = address_of({"0.0.0.0", port});
    if (::bind(fd.get(), to->get(), to->length) == 0) return reachable(0, settings);
    if (errno != EADDRINUSE) return blocked(errno);
  }
  return not_applicable("no free port");
}

}  // namespace

void add_network(Catalogue& to) {
  to.push_back({"tcp.connect", "connect to an address outside over TCP", connecting(0, by_connect)});
  to.push_back({"tcp.connect_mapped", "the same with an IPv4 address in an IPv6 socket", connect_mapped});
  to.push_back({"tcp.fast_open", "send data with TCP's first packet, without connect()", connecting(0, by_fast_open)});
  to.push_back({"mptcp.connect", "connect to an address outside over Multipath TCP", connecting(kMptcp, by_connect)});
  to.push_back({"mptcp.fast_open", "send data with Multipath TCP's first packet", connecting(kMptcp, by_fast_open)});
  to.push_back({"sctp.connect", "connect to an address outside over SCTP", connecting(IPPROTO_SCTP, by_connect)});
  to.push_back({"udp.send", "send a datagram to an address outside, or to the container's resolver", sending(0)});
  to.push_back({"udplite.send", "the same over UDP-Lite", sending(IPPROTO_UDPLITE)});
  to.push_back({"raw.open", "open a raw IP socket", open_raw});
  to.push_back({"icmp.open", "open an unprivileged ICMP socket", open_ping});
  to.push_back({"tcp.listen_unbound", "listen on a port that the kernel picks, without bind()", listen_unbound});
  to.push_back({"tcp.bind_other", "bind another TCP port than the application's", bind_other<SOCK_STREAM>});
  to.push_back({"udp.bind_other", "bind a UDP port", bind_other<SOCK_DGRAM>});
}

}  // namespace blindbox::probe::internal
