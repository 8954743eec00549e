// SPDX-License-Identifier: Apache-2.0
#include "blindbox/egress/tunnel.h"

#include <boost/asio/experimental/awaitable_operators.hpp>
#include <vector>

#include "blindbox/http/limits.h"

namespace blindbox::egress {
namespace {

net::Task<void> carry(net::SocketStream& from, net::SocketStream& to, net::Deadline& idle, std::uint64_t& count) {
  std::vector<std::byte> piece(http::kPiece);
  while (true) {
    const auto got = co_await from.read_some(piece);
    if (!got) {
      from.close();
      to.close();
      co_return;
    }
    if (*got == 0) break;
    idle.start();
    const auto put = co_await to.write(ByteView(piece).first(*got));
    if (!put) {
      from.close();
      to.close();
      co_return;
    }
    count += *got;
    idle.start();
  }
  to.finish_writing();
}

}  // namespace

net::Task<void> tunnel(net::SocketStream& inside, net::SocketStream& outside, net::Duration idle, Carried& carried) {
  using net::asio::experimental::awaitable_operators::operator&&;
  for (net::SocketStream* const stream : {&inside, &outside}) {
    stream->set_read_deadline(net::Duration::zero());  // one idle limit bounds both directions together
    stream->set_write_deadline(net::Duration::zero());
  }
  net::Deadline quiet(inside.executor(), [&] {
    inside.close();
    outside.close();
  });
  quiet.limit(idle);
  quiet.start();
  co_await (carry(inside, outside, quiet, carried.out) && carry(outside, inside, quiet, carried.in));
  inside.close();
  outside.close();
}

}  // namespace blindbox::egress
