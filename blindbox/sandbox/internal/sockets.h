// SPDX-License-Identifier: Apache-2.0
// The keeper's side of the connector, and loopback addresses.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>

#include "blindbox/base/fd.h"
#include "blindbox/sandbox/connector.h"

namespace blindbox::sandbox::internal {

struct Address {
  sockaddr_storage storage{};
  socklen_t length = 0;
  [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

[[nodiscard]] Address loopback(Family family, std::uint16_t port);

// A listening socket on 127.0.0.1:port of this process's network namespace; empty with errno set.
[[nodiscard]] base::Fd listen_loopback(std::uint16_t port);

// Answers one request that waits on the keeper's end; false when the other end is closed.
bool serve_sockets(int keeper);

}  // namespace blindbox::sandbox::internal
