// SPDX-License-Identifier: Apache-2.0
#include "blindbox/egress/dial.h"

#include <boost/asio/error.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/this_coro.hpp>

#include "blindbox/egress/ranges.h"
#include "blindbox/egress/resolver.h"
#include "blindbox/egress/unsafe.h"
#include "blindbox/net/await.h"
#include "blindbox/net/deadline.h"

namespace blindbox::egress {
namespace {

namespace asio = net::asio;
using asio::ip::tcp;
using std::chrono::steady_clock;

bool may_reach(const asio::ip::address& address, const AllowLoopbackForTests* unsafe) {
  if (unsafe != nullptr && address.is_loopback()) return true;
  return !forbidden(address);
}

struct Found {
  std::vector<asio::ip::address> addresses;
  std::optional<Refusal> refusal;
};

net::Task<Found> find(const Target& target, Resolver& resolver, net::Duration limit) {
  if (target.literal) co_return Found{{*target.literal}, std::nullopt};
  auto addresses = co_await resolver.resolve(target.host, limit);
  if (addresses && !addresses->empty()) co_return Found{std::move(*addresses), std::nullopt};
  const bool late = !addresses && addresses.error().kind == ErrorKind::limit;
  co_return Found{{}, late ? Refusal::timed_out : Refusal::not_found};
}

net::Task<net::error_code> connect_one(tcp::socket& socket, tcp::endpoint to, net::Duration limit) {
  net::Deadline deadline(socket.get_executor(), [&socket] {
    net::error_code ignored;
    socket.close(ignored);
  });
  deadline.limit(limit);
  deadline.start();
  const auto [error] = co_await socket.async_connect(to, net::kAwait);
  co_return deadline.expired() ? net::error_code(asio::error::timed_out) : error;
}

}  // namespace

net::Task<Dialled> dial(const Target& target, Resolver& resolver, const Limits& limits,
                        const AllowLoopbackForTests* unsafe) {
  const auto executor = co_await asio::this_coro::executor;
  auto found = co_await find(target, resolver, limits.lookup);
  if (found.refusal) co_return Dialled{std::nullopt, *found.refusal};
  std::erase_if(found.addresses, [&](const auto& address) { return !may_reach(address, unsafe); });
  if (found.addresses.empty()) co_return Dialled{std::nullopt, Refusal::forbidden_address};
  const auto end = steady_clock::now() + limits.connect;
  Dialled out;
  for (std::size_t i = 0; i < found.addresses.size(); ++i) {
    const auto left = std::chrono::duration_cast<net::Duration>(end - steady_clock::now());
    if (left.count() <= 0) {
      out.refusal = Refusal::timed_out;
      break;
    }
    // The last may take all that is left, the others half of it: one that swallows packets leaves time for the next.
    const bool last = i + 1 == found.addresses.size();
    tcp::socket socket(executor);
    const auto error = co_await connect_one(socket, {found.addresses[i], target.port},
                                            last ? left : std::max(left / 2, net::Duration(1)));
    if (!error) {
      out.socket.emplace(std::move(socket));
      break;
    }
    out.refusal = error == asio::error::timed_out ? Refusal::timed_out : Refusal::not_connected;
  }
  co_return out;
}

}  // namespace blindbox::egress
