// SPDX-License-Identifier: Apache-2.0
// Bytes between two sockets, both ways, a piece at a time: whoever does not read slows whoever writes.
#pragma once

#include <cstdint>

#include "blindbox/net/socket_stream.h"

namespace blindbox::egress {

struct Carried {
  std::uint64_t out = 0;  // from inside
  std::uint64_t in = 0;
};

// Until both sides have said that they are done, one breaks, or nothing has moved for idle. The end of one direction is
// handed on while the other goes on. Both streams are closed afterwards. carried is kept up to date meanwhile, and
// outlives the call.
net::Task<void> tunnel(net::SocketStream& inside, net::SocketStream& outside, net::Duration idle, Carried& carried);

}  // namespace blindbox::egress
