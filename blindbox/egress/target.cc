// SPDX-License-Identifier: Apache-2.0
#include "blindbox/egress/target.h"

#include <algorithm>
#include <charconv>

namespace blindbox::egress {
namespace {

constexpr std::uint16_t kHttp = 80;
constexpr std::string_view kScheme = "http://";

tl::unexpected<Error> refused(std::string what) { return base::fail(ErrorKind::protocol, std::move(what)); }

std::string lower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return out;
}

// RFC 1123 section 2.1, with the underscore that some names hold: labels of 1 to 63 characters, 253 in all.
bool is_name(std::string_view host) {
  constexpr std::size_t kLabel = 63;
  if (host.empty() || host.size() > 253) return false;
  std::size_t length = 0;
  for (std::size_t i = 0; i < host.size(); ++i) {
    const char c = host[i];
    if (c == '.') {
      if (length == 0 || host[i - 1] == '-') return false;
      length = 0;
      continue;
    }
    const bool edge = c == '-' && (length == 0 || i + 1 == host.size());
    const bool known = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
    if (!known || edge || ++length > kLabel) return false;
  }
  return length > 0;
}

// A last label of digits makes a host an IPv4 address to some readers and a name to others ("127.1", "0x7f.1"): such a
// host is an address in its one canonical form, or nothing.
bool looks_like_ipv4(std::string_view host) {
  const std::string_view last = host.substr(host.rfind('.') + 1);  // npos + 1 is 0
  return last.find_first_not_of("0123456789") == std::string_view::npos || last.starts_with("0x");
}

Result<void> read_host(std::string_view text, Target& target) {
  boost::system::error_code error;
  const bool bracketed = text.size() > 2 && text.front() == '[' && text.back() == ']';
  if (bracketed) {
    const auto address = boost::asio::ip::make_address_v6(std::string(text.substr(1, text.size() - 2)), error);
    if (error || text.find('%') != std::string_view::npos) return refused("a host that is no IPv6 address");
    target.literal = address;
    target.host = address.to_string();
    return {};
  }
  std::string host = lower(text);
  if (host.ends_with('.')) host.pop_back();
  if (!is_name(host)) return refused("a host that is neither a name nor an address");
  if (looks_like_ipv4(host)) {
    const auto address = boost::asio::ip::make_address_v4(host, error);
    if (error || address.to_string() != host) return refused("a host that only looks like an IPv4 address");
    target.literal = address;
  }
  target.host = std::move(host);
  return {};
}

Result<void> read_authority(std::string_view text, std::optional<std::uint16_t> default_port, Target& target) {
  const auto bracket = text.rfind(']');
  const auto colon = text.rfind(':');
  const bool has_port = colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket);
  if (!has_port && !default_port) return refused("no port");
  target.port = default_port.value_or(0);
  if (has_port) {
    const std::string_view digits = text.substr(colon + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), target.port);
    if (error != std::errc{} || end != digits.data() + digits.size() || target.port == 0) return refused("a bad port");
  }
  return read_host(has_port ? text.substr(0, colon) : text, target);
}

bool is_printable(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7F; });
}

}  // namespace

std::string Target::authority() const {
  std::string text = literal && literal->is_v6() ? "[" + host + "]" : host;
  if (tunnel || port != kHttp) text += ":" + std::to_string(port);
  return text;
}

Result<Target> parse_target(const http::RequestHead& head) {
  Target target;
  if (!is_printable(head.target)) return refused("a request target of other characters than ASCII's");
  if (head.method == "CONNECT") {
    target.tunnel = true;
    if (head.framing.kind != http::Framing::Kind::none) return refused("a CONNECT with a body");
    if (auto read = read_authority(head.target, std::nullopt, target); !read) return base::pass_on(read);
    return target;
  }
  if (!lower(std::string_view(head.target).substr(0, kScheme.size())).starts_with(kScheme)) {
    return refused("a request target that does not begin with http://");
  }
  const std::string_view rest = std::string_view(head.target).substr(kScheme.size());
  const auto end = std::min(rest.find_first_of("/?"), rest.size());
  if (rest.substr(0, end).find('@') != std::string_view::npos) return refused("user information in a request target");
  if (auto read = read_authority(rest.substr(0, end), kHttp, target); !read) return base::pass_on(read);
  target.path = rest.substr(end);
  // RFC 9112 section 3.2.4: OPTIONS of a server as a whole.
  if (target.path.empty() && head.method == "OPTIONS") target.path = "*";
  if (!target.path.starts_with('/') && target.path != "*") target.path.insert(0, "/");
  return target;
}

}  // namespace blindbox::egress
