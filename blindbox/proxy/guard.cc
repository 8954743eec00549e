// SPDX-License-Identifier: Apache-2.0
#include "blindbox/proxy/guard.h"

#include <sys/socket.h>
#include <unistd.h>

#include "blindbox/base/digest.h"

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
  for (const auto& [name, origin] : head.fields) {
    if (!http::equal_names(name, "origin") || is_local_origin(origin)) continue;
    return base::fail(ErrorKind::forbidden, "web pages may not use the proxy", origin);
  }
  // What a page embeds (an image, a script) comes without Origin; only a person may follow a link here.
  const auto site = http::find_field(head.fields, "sec-fetch-site");
  if (site == "cross-site" && !http::find_field(head.fields, "origin") &&
      http::find_field(head.fields, "sec-fetch-mode") != "navigate") {
    return base::fail(ErrorKind::forbidden, "web pages may not use the proxy");
  }
  return check_target(head.target);
}

Result<void> check_target(std::string_view target) {
  if (!target.starts_with("/.well-known/blindbox/")) return {};
  return base::fail(ErrorKind::protocol, "this path belongs to the attested channel and is not relayed");
}

namespace {

// Digests are compared, so that time tells nothing, not even of the length.
bool is_token(std::string_view offered, std::string_view token) {
  return !token.empty() &&
         base::constant_time_equal(base::sha256(base::view(offered)), base::sha256(base::view(token)));
}

std::string_view trimmed(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  return text;
}

constexpr std::string_view kTokenCookies = "blindbox_token";  // what all their names begin with

// Takes every proxy's cookie out of a Cookie field's value; false where ours is not there or holds something else.
bool take_cookie(std::string& value, std::string_view name, std::string_view token) {
  std::string rest;
  bool found = false;
  std::string_view left = value;
  while (!left.empty()) {
    const auto end = std::min(left.find(';'), left.size());
    const std::string_view one = trimmed(left.substr(0, end));
    left.remove_prefix(std::min(end + 1, left.size()));
    const auto equals = one.find('=');
    if (one.starts_with(kTokenCookies)) {
      const bool ours = equals != std::string_view::npos && one.substr(0, equals) == name;
      found = found || (ours && is_token(one.substr(equals + 1), token));
    } else if (!one.empty()) {
      rest += rest.empty() ? "" : "; ";
      rest += one;
    }
  }
  value = rest;
  return found;
}

}  // namespace

std::string token_cookie(std::uint16_t port) { return std::string(kTokenCookies) + "_" + std::to_string(port); }

Result<void> take_token(http::RequestHead& head, std::string_view token, std::string_view cookie) {
  bool good = false;
  std::erase_if(head.fields, [&](auto& field) {
    if (http::equal_names(field.first, kTokenField)) {
      good = is_token(trimmed(field.second), token) || good;
      return true;
    }
    if (http::equal_names(field.first, "cookie")) {
      good = take_cookie(field.second, cookie, token) || good;
      return field.second.empty();
    }
    constexpr std::string_view kScheme = "bearer ";
    const bool bearer = http::equal_names(field.first, "authorization") && field.second.size() > kScheme.size() &&
                        http::equal_names(std::string_view(field.second).substr(0, kScheme.size()), kScheme);
    if (!bearer || !is_token(trimmed(std::string_view(field.second).substr(kScheme.size())), token)) return false;
    good = true;
    return true;
  });
  if (good) return {};
  return base::fail(ErrorKind::forbidden, "the proxy's token is missing or wrong", "",
                    "send it as API key (Authorization: Bearer) or in the field Blindbox-Token");
}

std::optional<std::string_view> query_member(std::string_view target, std::string_view name) {
  const auto mark = target.find('?');
  if (mark == std::string_view::npos) return std::nullopt;
  std::string_view left = target.substr(mark + 1);
  while (!left.empty()) {
    const auto end = std::min(left.find('&'), left.size());
    const std::string_view one = left.substr(0, end);
    left.remove_prefix(std::min(end + 1, left.size()));
    const auto equals = one.find('=');
    if (equals != std::string_view::npos && one.substr(0, equals) == name) return one.substr(equals + 1);
  }
  return std::nullopt;
}

bool same_user(int socket) {
  ucred peer{};
  socklen_t size = sizeof peer;
  return ::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 && peer.uid == ::geteuid();
}

}  // namespace blindbox::proxy
