// SPDX-License-Identifier: Apache-2.0
#include "blindbox/http/client.h"

#include <algorithm>
#include <optional>

#include "blindbox/net/socket_stream.h"

namespace blindbox::http {

net::Task<Result<ResponseHead>> exchange(const net::HostPort& with, Exchange request, OnPiece on_piece) {
  auto socket = co_await net::connect_tcp(with, std::chrono::seconds(10));
  if (!socket) co_return base::pass_on(socket);
  net::SocketStream stream(std::move(*socket));
  auto answer = co_await exchange_over(stream, with.text(), std::move(request), std::move(on_piece));
  co_return answer;
}

net::Task<Result<ResponseHead>> exchange_over(net::Stream& stream, std::string host, Exchange request, OnPiece on_piece,
                                              OnHead on_head) {
  stream.set_write_deadline(kStallLimit);
  Framing framing{Framing::Kind::length, request.next_piece ? request.body_size : request.body.size()};
  if (framing.length == 0 && (request.method == "GET" || request.method == "HEAD")) framing = {};
  RequestHead head{request.method, request.target, std::move(request.fields), framing, false};
  head.fields.emplace_back("Host", std::move(host));
  const std::string text = write_head(head) + request.body;
  if (auto put = co_await stream.write(base::view(text)); !put) co_return base::pass_on(put);
  std::optional<Error> broken;
  for (std::uint64_t sent = 0; request.next_piece && sent < request.body_size;) {
    auto piece = request.next_piece();
    if (!piece) co_return base::pass_on(piece);
    if (piece->empty() || piece->size() > request.body_size - sent) {
      co_return base::fail(ErrorKind::io, "the body of a request is not as long as it was said to be");
    }
    auto put = co_await stream.write(*piece);
    if (!put) {
      broken = std::move(put).error();
      break;
    }
    sent += piece->size();
  }
  ResponseReader reader(stream, request.stall);
  // A server that has heard enough answers and closes: why stands in the answer.
  if (broken) request.limit = std::min<net::Duration>(request.limit, std::chrono::seconds(2));
  auto answer = co_await reader.read_head(request.limit, request.method == "HEAD");
  const bool heard = answer && *answer;
  if (broken && !heard) co_return tl::unexpected(std::move(*broken));
  if (!answer) co_return base::pass_on(answer);
  if (!*answer) co_return base::fail(ErrorKind::network, "the server closed without an answer");
  if (on_head && !on_head(**answer)) co_return std::move(**answer);
  while (true) {
    auto piece = co_await reader.read_body();
    if (!piece) co_return base::pass_on(piece);
    if (piece->empty() || !on_piece(*piece)) co_return std::move(**answer);
  }
}

}  // namespace blindbox::http
