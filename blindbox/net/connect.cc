// SPDX-License-Identifier: Apache-2.0
#include "blindbox/net/connect.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <boost/asio/connect.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <charconv>
#include <optional>
#include <vector>

#include "blindbox/net/internal/io.h"

namespace blindbox::net {
namespace {

using asio::ip::tcp;

tl::unexpected<Error> bad_address(std::string_view text) {
  return base::fail(ErrorKind::usage, "not an address: " + std::string(text), "",
                    "write HOST:PORT, for instance 127.0.0.1:8443 or [::1]:8443");
}

Result<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || text.empty()) return bad_address(text);
  return port;
}

bool is_host(std::string_view host) {
  return !host.empty() && host.size() <= 255 &&
         host.find_first_not_of("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:%") ==
             std::string_view::npos;
}

Result<std::vector<tcp::endpoint>> allowed(const tcp::resolver::results_type& found, const AddressFilter& filter) {
  std::vector<tcp::endpoint> out;
  std::optional<Error> refused;
  for (const auto& entry : found) {
    const auto judged = filter ? filter(entry.endpoint().address()) : Result<void>{};
    if (judged) out.push_back(entry.endpoint());
    if (!judged && !refused) refused = judged.error();
  }
  if (out.empty() && refused) return tl::unexpected(std::move(*refused));
  return out;
}

// A network that was cut says nothing: without this, who waits for an answer would wait for as long as the answer may
// take. What was sent has to be acknowledged within that time, and a silent peer is asked whether it is still there.
void notice_a_cut(const tcp::socket& socket) {
  constexpr unsigned kUnacknowledged = 10'000;  // milliseconds
  constexpr int kOn = 1, kIdle = 10, kBetween = 3, kProbes = 3;
  const int fd = const_cast<tcp::socket&>(socket).native_handle();
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &kUnacknowledged, sizeof kUnacknowledged);
  (void)::setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &kOn, sizeof kOn);
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &kIdle, sizeof kIdle);
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &kBetween, sizeof kBetween);
  (void)::setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &kProbes, sizeof kProbes);
}

}  // namespace

std::string HostPort::text() const {
  const bool v6 = host.find(':') != std::string::npos;
  return (v6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

Result<HostPort> parse_host_port(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return bad_address(text);
  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  if (!is_host(host) || (!bracketed && host.find(':') != std::string_view::npos)) return bad_address(text);
  auto port = parse_port(text.substr(colon + 1));
  if (!port) return bad_address(text);
  return HostPort{std::string(host), *port};
}

Result<HostPort> parse_url(std::string_view url, std::string_view scheme, std::uint16_t default_port) {
  const std::string prefix = std::string(scheme) + "://";
  std::string_view rest = url;
  if (rest.substr(0, prefix.size()) != prefix) {
    const auto colon = rest.find("://");
    const bool other = rest.starts_with("http://") || rest.starts_with("https://");
    const std::string instead = other ? prefix + std::string(rest.substr(colon + 3)) : "";
    const std::string why = scheme == "https" ? "nothing goes there over plain HTTP" : "plain HTTP is spoken there";
    return base::fail(ErrorKind::usage, "not a URL of the form " + prefix + "HOST:PORT: " + std::string(url), "",
                      other ? why + "; write " + instead : "");
  }
  rest.remove_prefix(prefix.size());
  if (!rest.empty() && rest.back() == '/') rest.remove_suffix(1);
  const auto after_bracket = rest.rfind(']');
  const auto colon = rest.rfind(':');
  const bool has_port =
      colon != std::string_view::npos && (after_bracket == std::string_view::npos || colon > after_bracket);
  return parse_host_port(has_port ? std::string(rest) : std::string(rest) + ":" + std::to_string(default_port));
}

Task<Result<Socket>> connect_tcp(HostPort to, Duration limit, AddressFilter filter) {
  using asio::experimental::awaitable_operators::operator||;
  const auto executor = co_await asio::this_coro::executor;
  tcp::resolver resolver(executor);
  const auto attempt = [&]() -> Task<Result<Socket>> {
    const auto [lookup_error, found] = co_await resolver.async_resolve(to.host, std::to_string(to.port), kAwait);
    if (lookup_error) {
      co_return base::fail(ErrorKind::network, "cannot find " + to.host + ": " + lookup_error.message());
    }
    auto endpoints = allowed(found, filter);
    if (!endpoints) co_return base::pass_on(endpoints);
    tcp::socket socket(executor);
    const auto [error, endpoint] = co_await asio::async_connect(socket, *endpoints, kAwait);
    if (error) {
      co_return base::fail(ErrorKind::network, "cannot connect to " + to.text() + ": " + error.message(), "",
                           "is the server running, and is the port right?");
    }
    notice_a_cut(socket);
    co_return Socket(std::move(socket));
  };
  asio::steady_timer timer(executor, limit);
  const auto expiry = [&]() -> Task<void> { co_await timer.async_wait(kAwait); };
  auto outcome = co_await (attempt() || expiry());
  if (outcome.index() == 0) co_return std::move(std::get<0>(outcome));
  co_return base::fail(ErrorKind::network,
                       "connecting to " + to.text() + " timed out after " + std::to_string(limit.count()) + " ms");
}

Task<Result<Socket>> connect_unix(std::string path) {
  const auto executor = co_await asio::this_coro::executor;
  asio::local::stream_protocol::socket socket(executor);
  if (path.size() >= 108) co_return base::fail(ErrorKind::io, "the path of a Unix socket is too long: " + path);
  const auto [error] = co_await socket.async_connect(asio::local::stream_protocol::endpoint(path), kAwait);
  if (error) co_return base::fail(ErrorKind::network, "cannot connect to " + path + ": " + error.message());
  co_return Socket(std::move(socket));
}

Result<Acceptor> listen_tcp(const Executor& executor, const HostPort& at) {
  error_code error;
  const auto address = asio::ip::make_address(at.host == "localhost" ? "127.0.0.1" : at.host, error);
  if (error) return bad_address(at.text());
  const tcp::endpoint endpoint(address, at.port);
  Acceptor acceptor(executor);
  acceptor.open(endpoint.protocol(), error);
  if (!error) acceptor.set_option(Acceptor::reuse_address(true), error);
  if (!error) acceptor.bind(endpoint, error);
  if (!error) acceptor.listen(asio::socket_base::max_listen_connections, error);
  if (error) {
    return base::fail(ErrorKind::io, "cannot listen on " + at.text() + ": " + error.message(), "",
                      "stop what uses the port, or choose another with --listen (port 0 takes a free one)");
  }
  return acceptor;
}

}  // namespace blindbox::net
