// SPDX-License-Identifier: Apache-2.0
// A stream to the service: TCP, and for https TLS as the web has it, with the system's trust store and the host's name
// checked. It keeps the request from eyes on the way; what comes back is not believed on its account.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>

#include "blindbox/kds/origin.h"
#include "blindbox/net/stream.h"

namespace blindbox::kds::internal {

// ErrorKind::io where the system has no trust store that can be read.
[[nodiscard]] Result<std::unique_ptr<net::asio::ssl::context>> make_web_context();

// context and origin outlive the call, context the stream; there is one where the origin asks for TLS.
// ErrorKind::network with the reason.
net::Task<Result<std::unique_ptr<net::Stream>>> open(const Origin& origin, net::asio::ssl::context* context,
                                                     net::Duration limit);

}  // namespace blindbox::kds::internal
