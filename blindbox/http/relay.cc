// SPDX-License-Identifier: Apache-2.0
#include "blindbox/http/relay.h"

#include <boost/asio/experimental/awaitable_operators.hpp>

#include "blindbox/http/error_body.h"
#include "blindbox/http/handler.h"
#include "blindbox/http/stream_error.h"
#include "blindbox/net/deadline.h"

namespace blindbox::http {
namespace {

using base::view;
using Done = std::optional<Relayed>;

Relayed ended(Relayed::End end, Error error = {}) { return {end, false, 0, false, false, false, std::move(error)}; }

// The request's body. A failing upstream is no end yet: it may have answered before it closed.
net::Task<Done> send_request(const RequestHead& head, RequestReader& client, net::Stream& client_stream,
                             net::Stream& upstream, net::Duration limit) {
  net::Deadline upload(client_stream.executor(), [&client_stream] { client_stream.close(); });
  upload.limit(limit);
  upload.start();
  std::string text = write_head(head);
  // What came with the head goes on with it: one packet, and one turn of everybody behind us.
  const ByteView first = head.expects_continue ? ByteView{} : client.body_here();
  append_piece(text, first, head.framing.kind, client.complete());
  if (auto put = co_await upstream.write(view(text)); !put) {
    if (!first.empty()) co_return Done{};
    co_return ended(Relayed::End::upstream_failed, put.error());
  }
  if (head.expects_continue) {
    if (auto put = co_await client_stream.write(view("HTTP/1.1 100 Continue\r\n\r\n")); !put) {
      co_return ended(Relayed::End::client_gone, put.error());
    }
  }
  while (!client.complete()) {
    auto piece = co_await client.read_body();
    if (!piece) co_return ended(Relayed::End::client_gone, piece.error());
    if (auto put = co_await write_piece(upstream, *piece, head.framing.kind, client.complete()); !put) co_return Done{};
  }
  co_return Done{};
}

// All of a body that is here already. A failing upstream is no end yet: it may have answered before it closed.
net::Task<Done> send_whole(RequestHead head, const std::string& body, net::Stream& upstream) {
  const bool framed = head.framing.kind != Framing::Kind::none || !body.empty();
  head.framing = {framed ? Framing::Kind::length : Framing::Kind::none, body.size()};
  std::string text = write_head(head);
  if (body.size() <= kPiece) text += body;
  if (auto put = co_await upstream.write(view(text)); !put) {
    co_return ended(Relayed::End::upstream_failed, put.error());
  }
  if (body.size() > kPiece) (void)co_await upstream.write(view(body));
  co_return Done{};
}

net::Task<void> break_off(net::Stream& client, std::string target, const ResponseHead& head, const Error& error) {
  const auto type = find_field(head.fields, "content-type");
  const std::string last = stream_error(target, type.value_or(""), error);
  if (last.empty()) co_return;
  (void)co_await write_piece(client, view(last), head.framing.kind);
}

net::Task<Relayed> relay_answer(const RequestHead& request, net::Stream& client, ResponseReader& upstream,
                                const RelayLimits& limits, const net::Deadline& overall, const RelayExtras& extras) {
  const auto failure = [&](const Error& error) {
    if (auto reason = extras.reason ? extras.reason() : std::nullopt) return std::move(*reason);
    if (!overall.expired()) return error;
    return Error{ErrorKind::network, "the answer took longer than " + std::to_string(limits.total.count()) + " ms", "",
                 ""};
  };
  auto read = co_await upstream.read_head(limits.first_byte, request.method == "HEAD");
  if (!read) {
    Relayed failed = ended(Relayed::End::upstream_failed, failure(read.error()));
    failed.timed_out = overall.expired() || read.error().what.find("timed out") != std::string::npos;
    co_return failed;
  }
  if (!*read)
    co_return ended(Relayed::End::upstream_failed, {ErrorKind::network, "the server closed without an answer", "", ""});
  ResponseHead head = std::move(**read);
  Relayed result;
  result.upstream_reusable = head.keep_alive;
  head.fields = end_to_end(head.fields);
  if (extras.added != nullptr) {
    for (const auto& field : *extras.added) {  // ours stands alone: the far end does not get to say it
      std::erase_if(head.fields, [&](const auto& other) { return equal_names(other.first, field.first); });
      head.fields.push_back(field);
    }
  }
  // An answer to HEAD, 204 or 304 has no body, whatever its fields say.
  if (upstream.complete() && head.framing.kind == Framing::Kind::chunked) head.framing.kind = Framing::Kind::none;
  const bool until_close = request.http_1_0 && head.framing.kind == Framing::Kind::chunked;
  if (until_close) head.framing.kind = Framing::Kind::none;
  head.keep_alive = request.keep_alive && !until_close;
  std::string text = write_head(head);
  const ByteView first = upstream.body_here();
  append_piece(text, first, head.framing.kind, upstream.complete());
  if (extras.answered != nullptr) *extras.answered += first.size();
  result.end = Relayed::End::client_gone;
  result.answer_begun = true;
  result.status = head.status;
  if (auto put = co_await client.write(view(text)); !put) co_return result;
  while (!upstream.complete()) {
    auto piece = co_await upstream.read_body();
    if (!piece) {
      result.end = Relayed::End::upstream_failed;
      result.error = failure(piece.error());
      co_await break_off(client, request.target, head, result.error);
      co_return result;
    }
    if (extras.answered != nullptr) *extras.answered += piece->size();
    if (auto put = co_await write_piece(client, *piece, head.framing.kind, upstream.complete()); !put) co_return result;
  }
  result.end = Relayed::End::answered;
  result.client_reusable = head.keep_alive;
  co_return result;
}

}  // namespace

net::Task<Result<void>> write_piece(net::Stream& to, ByteView piece, Framing::Kind kind, bool last) {
  const bool chunked = kind == Framing::Kind::chunked;
  if (piece.empty() && (!chunked || !last)) co_return Result<void>{};
  if (!chunked) co_return co_await to.write(piece);
  std::string text;
  append_piece(text, piece, kind, last);
  co_return co_await to.write(view(text));
}

net::Task<Relayed> relay(const RequestHead& head, RequestReader& client, net::Stream& client_stream,
                         ResponseReader& upstream, net::Stream& upstream_stream, const RelayLimits& limits,
                         const RelayExtras& extras) {
  using net::asio::experimental::awaitable_operators::operator||;
  client_stream.set_write_deadline(limits.stall);
  upstream_stream.set_write_deadline(limits.stall);
  RequestHead onward = head;
  onward.fields = end_to_end(head.fields);
  onward.keep_alive = true;  // of the client's connection, not of this one
  if (!find_field(onward.fields, "host")) onward.fields.emplace_back("Host", "localhost");  // HTTP/1.0 has none
  upstream.set_stall(limits.stall);
  net::Deadline overall(upstream_stream.executor(), [&upstream_stream] { upstream_stream.close(); });
  overall.limit(limits.total);
  overall.start();
  Done done;
  if (extras.body != nullptr) {
    done = co_await send_whole(onward, *extras.body, upstream_stream);
  } else {
    done = co_await send_request(onward, client, client_stream, upstream_stream, limits.upload);
  }
  if (done) {
    if (auto reason = extras.reason ? extras.reason() : std::nullopt) done->error = std::move(*reason);
    co_return std::move(*done);
  }
  auto outcome =
      co_await (relay_answer(head, client_stream, upstream, limits, overall, extras) || client.wait_for_end());
  if (outcome.index() == 1)
    co_return ended(Relayed::End::client_gone, {ErrorKind::cancelled, "the client went away", "", ""});
  auto result = std::move(std::get<0>(outcome));
  result.client_reusable = result.client_reusable && client.complete();
  result.upstream_reusable = result.upstream_reusable && upstream.complete() &&
                             upstream.bytes_received() == upstream.bytes_consumed();  // nothing that nobody asked for
  co_return result;
}

net::Task<Result<void>> write_response(net::Stream& stream, const Response& response, bool keep_alive, bool bodyless) {
  ResponseHead head{response.status, response.fields, {Framing::Kind::length, response.body.size()}, keep_alive};
  if (!response.content_type.empty()) head.fields.emplace_back("Content-Type", response.content_type);
  std::string text = write_head(head);
  if (!bodyless) text += response.body;
  co_return co_await stream.write(view(text));
}

}  // namespace blindbox::http
