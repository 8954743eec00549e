// SPDX-License-Identifier: Apache-2.0
#include "blindbox/http/client.h"

#include "blindbox/net/socket_stream.h"

namespace blindbox::http {

net::Task<Result<ResponseHead>> exchange(const net::HostPort& with, Exchange request, OnPiece on_piece) {
  auto socket = co_await net::connect_tcp(with, std::chrono::seconds(10));
  if (!socket) co_return base::pass_on(socket);
  net::SocketStream stream(std::move(*socket));
  auto answer = co_await exchange_over(stream, with.text(), std::move(request), std::move(on_piece));
  co_return answer;
}

net::Task<Result<ResponseHead>> exchange_over(net::Stream& stream, std::string host, Exchange request,
                                              OnPiece on_piece) {
  stream.set_write_deadline(kStallLimit);
  Framing framing{Framing::Kind::length, request.body.size()};
  if (request.body.empty() && request.method == "GET") framing = {};
  RequestHead head{request.method, request.target, std::move(request.fields), framing, false};
  head.fields.emplace_back("Host", std::move(host));
  const std::string text = write_head(head) + request.body;
  if (auto put = co_await stream.write(base::view(text)); !put) co_return base::pass_on(put);
  ResponseReader reader(stream, std::chrono::minutes(2));
  auto answer = co_await reader.read_head(request.limit, request.method == "HEAD");
  if (!answer) co_return base::pass_on(answer);
  if (!*answer) co_return base::fail(ErrorKind::network, "the server closed without an answer");
  while (true) {
    auto piece = co_await reader.read_body();
    if (!piece) co_return base::pass_on(piece);
    if (piece->empty() || !on_piece(*piece)) co_return std::move(**answer);
  }
}

}  // namespace blindbox::http
