// SPDX-License-Identifier: Apache-2.0
// The way into the sandbox's network. The keeper (our own process inside the sandbox, beside the application) makes
// sockets there and hands them out over a descriptor; whoever holds the other end connects them itself. So the gateway
// reaches the application's loopback without ever entering its namespaces.
#pragma once

#include <cstdint>
#include <vector>

#include "blindbox/base/fd.h"
#include "blindbox/base/result.h"

namespace blindbox::sandbox {

enum class Family : std::uint8_t { ipv4 = 4, ipv6 = 6 };

inline constexpr std::size_t kSocketBatch = 32;

// Both ends of a connector: SOCK_SEQPACKET, close-on-exec. The keeper's end goes into Settings and may go into one
// sandbox after the other; the asker's end stays valid all the while.
struct ConnectorEnds {
  base::Fd asker;
  base::Fd keeper;
};
[[nodiscard]] Result<ConnectorEnds> make_connector();

// Asks for count (1 to kSocketBatch) sockets; does not wait for the answer. ErrorKind::io.
[[nodiscard]] Result<void> ask_sockets(int asker, Family family, std::size_t count);
// One answer, when asker is readable (or blocking): stream sockets inside the sandbox's network namespace, unconnected,
// blocking, close-on-exec. ErrorKind::network when the keeper could make none, ErrorKind::io when the connector broke.
[[nodiscard]] Result<std::vector<base::Fd>> take_sockets(int asker);

// For tests and tools: a connected socket to 127.0.0.1:port (then [::1]:port), waiting at most limit_ms for the keeper.
[[nodiscard]] Result<base::Fd> connect_inside(int asker, std::uint16_t port, int limit_ms);

// Who listens on a TCP port of this process's network namespace: the uids in /proc/net/tcp and tcp6, each once.
[[nodiscard]] Result<std::vector<std::uint32_t>> listeners(std::uint16_t port);

}  // namespace blindbox::sandbox
