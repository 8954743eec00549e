// SPDX-License-Identifier: Apache-2.0
// A stream to a server of the web: TCP, and TLS as browsers have it, with the system's trust store and the host's name
// checked. It keeps what is said from eyes on the way; what comes back is believed for other reasons or not at all.
#pragma once

#include <boost/asio/ssl/context.hpp>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "blindbox/net/connect.h"
#include "blindbox/net/stream.h"

namespace blindbox::net {

// Beside the system's trust store; everything is PEM. file is where it came from, for messages.
struct WebCertificates {
  struct Authority {
    std::string file, certificates;
  };
  struct Client {
    std::string file, certificates, key;
  };
  std::vector<Authority> authorities{};
  std::optional<Client> client{};
};

// TLS 1.2 or newer. ErrorKind::io where the system has no trust store that can be read, ErrorKind::malformed for what is
// no certificate or no key of it.
[[nodiscard]] Result<std::unique_ptr<asio::ssl::context>> make_web_context(const WebCertificates& more = {});

// context outlives the stream; without one the stream is plain TCP. ErrorKind::network with the reason, or what filter
// says where it allows none of the host's addresses.
Task<Result<std::unique_ptr<Stream>>> open_web(HostPort at, asio::ssl::context* context, Duration limit,
                                               AddressFilter filter = {});

}  // namespace blindbox::net
