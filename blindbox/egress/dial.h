// SPDX-License-Identifier: Apache-2.0
// From a target that is listed to a connected socket, or the reason why not.
#pragma once

#include <optional>

#include "blindbox/egress/egress.h"
#include "blindbox/egress/target.h"

namespace blindbox::egress {

struct Dialled {
  std::optional<net::Socket> socket;
  Refusal refusal = Refusal::not_connected;  // without a socket
};

// Looks the name up, judges each address, and connects to those that may be, in turn: to the very value that was judged,
// so that no second answer of a name server counts. target is in the allow-list.
net::Task<Dialled> dial(const Target& target, Resolver& resolver, const Limits& limits,
                        const AllowLoopbackForTests* unsafe);

}  // namespace blindbox::egress
