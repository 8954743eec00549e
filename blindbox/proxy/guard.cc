// SPDX-License-Identifier: Apache-2.0
#include "blindbox/proxy/guard.h"

#include <charconv>

namespace blindbox::proxy {
namespace {

// host or host:port with a host that only this machine can mean
bool is_loopback(std::string_view authority) {
  const auto bracket = authority.rfind(']');
  const auto colon = authority.rfind(':');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    const std::string_view port = authority.substr(colon + 1);
    if (port.find_first_not_of("0123456789") != std::string_view::npos) return false;
    authority = authority.substr(0, colon);
  }
  return http::equal_names(authority, "localhost") || authority == "127.0.0.1" || authority == "[::1]";
}

bool is_local_origin(std::string_view origin) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (origin.starts_with(scheme)) return is_loopback(origin.substr(scheme.size()));
  }
  return origin.starts_with("vscode-webview://") || origin.starts_with("vscode-file://");
}

}  // namespace

Result<void> check_local_request(const http::RequestHead& head) {
  const auto host = http::find_field(head.fields, "host");
  if (host && !is_loopback(*host)) {
    return base::fail(ErrorKind::forbidden, "the request names a host that is not this machine", std::string(*host),
                      "use http://127.0.0.1 and the proxy's port");
  }
  const auto origin = http::find_field(head.fields, "origin");
  if (origin && !is_local_origin(*origin)) {
    return base::fail(ErrorKind::forbidden, "web pages may not use the proxy", std::string(*origin));
  }
  if (head.target.starts_with("/.well-known/blindbox/")) {
    return base::fail(ErrorKind::protocol, "this path belongs to the attested channel and is not relayed");
  }
  return {};
}

}  // namespace blindbox::proxy
