// SPDX-License-Identifier: Apache-2.0
#include "door.h"

#include <spdlog/spdlog.h>

#include <algorithm>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "blindbox/http/client.h"
#include "blindbox/net/await.h"
#include "blindbox/net/socket_stream.h"

namespace blindbox::init {
namespace {

namespace asio = net::asio;
using asio::generic::stream_protocol;
using net::kAwait;
using sandbox::Family;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kKeeperLimit{5};       // to be handed sockets
constexpr std::chrono::milliseconds kStartLook{100};  // between two looks until it is well
constexpr int kFailuresAllowed = 3;                   // one after the other
constexpr std::size_t kLow = 8;                       // sockets left when more are asked for

stream_protocol protocol_of(Family family) { return {family == Family::ipv6 ? AF_INET6 : AF_INET, IPPROTO_TCP}; }

stream_protocol::endpoint loopback(Family family, std::uint16_t port) {
  if (family == Family::ipv6) {
    sockaddr_in6 to{};
    to.sin6_family = AF_INET6;
    to.sin6_addr = IN6ADDR_LOOPBACK_INIT;
    to.sin6_port = htons(port);
    return {&to, sizeof to, IPPROTO_TCP};
  }
  sockaddr_in to{};
  to.sin_family = AF_INET;
  to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  to.sin_port = htons(port);
  return {&to, sizeof to, IPPROTO_TCP};
}

}  // namespace

Door::Door(const net::Executor& executor, Service service, base::Fd asker)
    : executor_(executor), service_(std::move(service)), asker_(executor, asker.release()), pause_(executor) {
  asio::co_spawn(executor_, collect(), asio::detached);
}

void Door::watch(std::function<void(bool)> told) {
  told_ = std::move(told);
  begun_ = steady_clock::now();
  asio::co_spawn(executor_, look(), asio::detached);
}

void Door::restarted() {
  // Whatever was handed out before belongs to a network that is gone. A datagram read without room is dropped, and what
  // it carried is closed.
  for (int i = 0; i < 64 && ::recv(asker_.native_handle(), nullptr, 0, MSG_DONTWAIT) >= 0; ++i) {
  }
  for (Pool* const one : {&ipv4_, &ipv6_}) *one = {};
  well_ = ever_well_ = given_up_ = false;
  failures_ = 0;
  begun_ = steady_clock::now();
  pause_.cancel();
  for (auto* const waiter : waiting_) waiter->cancel();
}

void Door::ask(Family family) {
  Pool& from = pool(family);
  if (from.asked) return;
  const std::size_t count = family == last_ ? sandbox::kSocketBatch : 1;
  if (sandbox::ask_sockets(asker_.native_handle(), family, count)) from.asked = true;
}

void Door::store(std::vector<base::Fd> sockets) {
  for (base::Fd& socket : sockets) {
    int domain = AF_INET;
    socklen_t size = sizeof domain;
    (void)::getsockopt(socket.get(), SOL_SOCKET, SO_DOMAIN, &domain, &size);
    Pool& into = pool(domain == AF_INET6 ? Family::ipv6 : Family::ipv4);
    into.asked = false;
    into.sockets.push_back(std::move(socket));
  }
}

// Takes what the keeper hands out.
net::Task<void> Door::collect() {
  while (true) {
    const auto [error] = co_await asker_.async_wait(asio::posix::stream_descriptor::wait_read, kAwait);
    if (error) co_return;
    auto sockets = sandbox::take_sockets(asker_.native_handle());
    if (sockets) {
      store(std::move(*sockets));
    } else if (sockets.error().kind == ErrorKind::io) {
      spdlog::error("gateway: {}", sockets.error().what);
      co_return;
    } else {
      ipv4_.asked = ipv6_.asked = false;
    }
    for (auto* const waiter : waiting_) waiter->cancel();
  }
}

net::Task<Result<net::Socket>> Door::take(Family family) {
  Pool& from = pool(family);
  asio::steady_timer arrival(executor_);
  const auto due = steady_clock::now() + kKeeperLimit;
  while (from.sockets.empty()) {
    const auto since = begun_;
    ask(family);
    arrival.expires_at(due);
    waiting_.push_back(&arrival);
    const auto [cancelled] = co_await arrival.async_wait(kAwait);
    std::erase(waiting_, &arrival);
    const bool refused = from.sockets.empty() && !from.asked && since == begun_;
    if (!cancelled || refused) co_return base::fail(ErrorKind::network, "the sandbox hands out no socket");
  }
  const int descriptor = from.sockets.front().release();
  from.sockets.pop_front();
  if (from.sockets.size() < kLow && family == last_) ask(family);
  net::Socket socket(executor_);
  net::error_code error;
  socket.assign(protocol_of(family), descriptor, error);
  if (error) {
    ::close(descriptor);
    co_return base::fail(ErrorKind::network, "a socket of the sandbox is of no use", error.message());
  }
  co_return socket;
}

net::Task<Result<net::Socket>> Door::connect(Family family) {
  auto socket = co_await take(family);
  if (!socket) co_return socket;
  const auto [error] = co_await socket->async_connect(loopback(family, service_.port), kAwait);
  if (error) co_return base::fail(ErrorKind::network, "the application does not listen", error.message());
  last_ = family;
  co_return socket;
}

net::Task<Result<net::Socket>> Door::connect_any() {
  if (auto checked = check_listener(); !checked) co_return base::pass_on(checked);
  const Family first = last_;
  auto socket = co_await connect(first);
  if (socket) co_return socket;
  auto other = co_await connect(first == Family::ipv4 ? Family::ipv6 : Family::ipv4);
  if (other) co_return other;
  co_return socket;
}

// On a loopback that others share, whoever listens must at least be the application's user.
Result<void> Door::check_listener() const {
  if (service_.own_network) return {};
  auto uids = sandbox::listeners(service_.port);
  if (!uids) return base::pass_on(uids);
  if (uids->empty()) return base::fail(ErrorKind::network, "the application does not listen");
  if (std::all_of(uids->begin(), uids->end(), [this](auto uid) { return uid == service_.uid; })) return {};
  return base::fail(ErrorKind::network, "somebody else listens on the application's port");
}

net::Task<Result<net::Socket>> Door::open() {
  if (!well_) co_return base::fail(ErrorKind::limit, "the application is not ready");
  auto socket = co_await connect_any();
  co_return socket;
}

net::Task<bool> Door::is_well() {
  auto socket = co_await connect_any();
  if (!socket) co_return false;
  if (!service_.health) co_return true;
  net::SocketStream stream(std::move(*socket));
  stream.set_read_deadline(service_.health->timeout);
  http::Exchange request;
  request.target = service_.health->path;
  request.limit = service_.health->timeout;
  std::size_t seen = 0;
  // What it says beyond the head is not looked at, and not waited for.
  const auto answer = co_await http::exchange_over(stream, "localhost", std::move(request), [&seen](ByteView piece) {
    seen += piece.size();
    return false;
  });
  stream.close();
  co_return answer.has_value() && answer->status >= 200 && answer->status < 400;
}

net::Task<void> Door::look() {
  while (true) {
    const auto since = begun_;
    const bool now = co_await is_well();
    // What was asked of an application that has been replaced says nothing of the new one.
    if (since == begun_) {
      failures_ = now ? 0 : failures_ + 1;
      if (now && !ever_well_ && told_) told_(true);
      ever_well_ = ever_well_ || now;
      if (now) well_ = true;
      if (service_.health && failures_ >= kFailuresAllowed) well_ = false;
      if (!ever_well_ && !given_up_ && service_.health && steady_clock::now() - begun_ > service_.health->start) {
        given_up_ = true;
        if (told_) told_(false);
      }
    }
    net::Duration wait = kStartLook;
    if (ever_well_) wait = service_.health ? service_.health->interval : net::Duration(std::chrono::hours(1));
    if (failures_ > 0 && service_.health) wait = std::min(wait, service_.health->interval);
    if (since != begun_) wait = net::Duration(0);
    pause_.expires_after(wait);
    (void)co_await pause_.async_wait(kAwait);
  }
}

}  // namespace blindbox::init
