// SPDX-License-Identifier: Apache-2.0
#include "blindbox/http/message_reader.h"

#include <algorithm>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/buffer_body.hpp>
#include <boost/beast/http/parser.hpp>

#include "blindbox/http/limits.h"

namespace blindbox::http {

namespace asio = boost::asio;
namespace beast = boost::beast;

namespace internal {

template <bool IsRequest>
struct ReaderState {
  using Parser = beast::http::parser<IsRequest, beast::http::buffer_body>;
  beast::flat_buffer buffer{kHeadLimit + 2 * kPiece};
  std::optional<Parser> parser;
  std::vector<char> piece = std::vector<char>(kPiece);
  std::uint64_t received = 0;
  boost::system::error_code broken;  // what stands in the buffer behind the piece that was handed out last
  bool bodyless = false;
  Targets targets = Targets::paths;
};

}  // namespace internal

namespace {

using beast::http::error;
using std::chrono::steady_clock;

tl::unexpected<Error> parse_failure(const boost::system::error_code& code) {
  if (code == error::header_limit || code == error::buffer_overflow) {
    return base::fail(ErrorKind::limit,
                      "the head of the message is larger than " + std::to_string(kHeadLimit) + " bytes");
  }
  if (code == error::body_limit) {
    return base::fail(ErrorKind::limit,
                      "the body of the message is larger than " + std::to_string(kBodyLimit) + " bytes");
  }
  return base::fail(ErrorKind::protocol, "not strict HTTP/1.1: " + code.message());
}

tl::unexpected<Error> not_strict(std::string what) {
  return base::fail(ErrorKind::protocol, "not strict HTTP/1.1: " + std::move(what));
}

std::size_t count(const Fields& fields, std::string_view name) {
  return static_cast<std::size_t>(
      std::count_if(fields.begin(), fields.end(), [&](const auto& f) { return equal_names(f.first, name); }));
}

bool clean_value(std::string_view value) {
  return std::none_of(value.begin(), value.end(), [](char c) {
    const auto u = static_cast<unsigned char>(c);
    return (u < 0x20 && c != '\t') || u == 0x7F;
  });
}

// RFC 9112 sections 3.2, 6.1 and 6.3 leave room for two readings in these cases; we take none of them.
Result<void> check_fields(const Fields& fields) {
  for (const auto& [name, value] : fields) {
    if (!clean_value(value)) return not_strict("a control character in the field " + name);
  }
  if (count(fields, "content-length") > 1) return not_strict("more than one Content-Length");
  const auto length = find_field(fields, "content-length");
  if (length && length->find_first_not_of("0123456789") != std::string_view::npos) {
    return not_strict("a Content-Length that is not one number");
  }
  if (count(fields, "transfer-encoding") > 1) return not_strict("more than one Transfer-Encoding");
  const auto coding = find_field(fields, "transfer-encoding");
  if (coding && !equal_names(*coding, "chunked")) return not_strict("a transfer coding other than chunked");
  if (coding && find_field(fields, "content-length")) return not_strict("Content-Length beside Transfer-Encoding");
  return {};
}

Result<void> check_target(const RequestHead& head, Targets targets) {
  if (head.target.size() > kTargetLimit) return base::fail(ErrorKind::limit, "the request target is too long");
  if (head.method == "TRACE") return not_strict("the method " + head.method);
  const bool fragment = head.target.find('#') != std::string::npos;
  if (targets == Targets::proxied) {
    if (head.target.empty() || head.target.front() == '/' || head.target.front() == '*' || fragment) {
      return not_strict("a request target that is not for a proxy");
    }
    return {};
  }
  if (head.target.empty() || head.target.front() != '/' || fragment) {
    return not_strict("a request target that is no path");
  }
  if (head.method == "CONNECT") return not_strict("the method " + head.method);
  return {};
}

Result<void> check_request(const RequestHead& head, unsigned version, Targets targets) {
  if (version != 10 && version != 11) return not_strict("a version other than 1.0 and 1.1");
  if (auto checked = check_target(head, targets); !checked) return checked;
  if (version == 11 && count(head.fields, "host") != 1) return not_strict("not exactly one Host");
  if (version == 10 && head.framing.kind == Framing::Kind::chunked) return not_strict("a chunked HTTP/1.0 request");
  return {};
}

Fields copy_fields(const beast::http::fields& from) {
  Fields fields;
  for (const auto& field : from) fields.emplace_back(std::string(field.name_string()), std::string(field.value()));
  return fields;
}

template <typename Parser>
Framing framing_of(const Parser& parser, bool until_close) {
  if (parser.chunked() || until_close) return {Framing::Kind::chunked, 0};
  if (const auto length = parser.content_length()) return {Framing::Kind::length, *length};
  return {};
}

Result<RequestHead> head_of(internal::ReaderState<true>& state) {
  const auto& message = state.parser->get();
  RequestHead head{std::string(message.method_string()),
                   std::string(message.target()),
                   copy_fields(message),
                   framing_of(*state.parser, false),
                   state.parser->keep_alive(),
                   false,
                   message.version() == 10};
  if (auto checked = check_fields(head.fields); !checked) return base::pass_on(checked);
  if (auto checked = check_request(head, message.version(), state.targets); !checked) return base::pass_on(checked);
  const auto expect = find_field(head.fields, "expect");
  if (expect && !equal_names(*expect, "100-continue")) return not_strict("an expectation other than 100-continue");
  head.expects_continue = expect.has_value() && message.version() == 11;
  return head;
}

Result<ResponseHead> head_of(internal::ReaderState<false>& state) {
  const auto& message = state.parser->get();
  const unsigned status = message.result_int();
  const bool until_close = state.parser->need_eof() && !state.bodyless;
  ResponseHead head{status, copy_fields(message), framing_of(*state.parser, until_close),
                    state.parser->keep_alive() && !until_close};
  if (auto checked = check_fields(head.fields); !checked) return base::pass_on(checked);
  if (status == 101) return not_strict("an upgrade that nobody asked for");
  return head;
}

}  // namespace

template <bool IsRequest>
MessageReader<IsRequest>::MessageReader(net::Stream& stream, net::Duration stall, Targets targets)
    : stream_(stream), stall_(stall), state_(std::make_unique<internal::ReaderState<IsRequest>>()) {
  state_->targets = targets;
}

template <bool IsRequest>
MessageReader<IsRequest>::~MessageReader() = default;

namespace {

// Reads at least one byte into the buffer; 0 at an orderly end.
template <bool IsRequest>
net::Task<Result<std::size_t>> fill(net::Stream& stream, internal::ReaderState<IsRequest>& state) {
  const std::size_t room = std::min(kPiece, state.buffer.max_size() - state.buffer.size());
  if (room == 0) co_return base::fail(ErrorKind::limit, "the message does not fit its buffer");
  const auto space = state.buffer.prepare(room);
  auto got = co_await stream.read_some({static_cast<std::byte*>(space.data()), space.size()});
  if (got) {
    state.buffer.commit(*got);
    state.received += *got;
  }
  co_return got;
}

// As much of the body as the buffer holds and a piece takes, in state.piece: what came together goes on together.
template <bool IsRequest>
std::size_t parse_body(internal::ReaderState<IsRequest>& state) {
  auto& body = state.parser->get().body();
  body.data = state.piece.data();
  body.size = state.piece.size();
  while (!state.parser->is_done() && !state.broken && state.buffer.size() > 0 && body.size > 0) {
    boost::system::error_code code;
    const std::size_t used = state.parser->put(state.buffer.data(), code);
    state.buffer.consume(used);
    if (code && code != error::need_more && code != error::need_buffer) state.broken = code;
    if (used == 0) break;
  }
  return state.piece.size() - body.size;
}

template <bool IsRequest>
ByteView piece_of(const internal::ReaderState<IsRequest>& state, std::size_t size) {
  return {reinterpret_cast<const std::byte*>(state.piece.data()), size};
}

// Of a request alone: whoever sends it can still be told.
tl::unexpected<Error> too_slow(net::Duration stall) {
  return base::fail(ErrorKind::limit,
                    "the request took too long: nothing for " + std::to_string(stall.count()) + " ms");
}

}  // namespace

template <bool IsRequest>
net::Task<Result<std::optional<typename MessageReader<IsRequest>::Head>>> MessageReader<IsRequest>::read_head(
    net::Duration idle, bool bodyless) {
  auto& state = *state_;
  state.bodyless = bodyless;
  while (true) {
    state.parser.emplace();
    state.broken = {};
    state.parser->header_limit(kHeadLimit);
    if constexpr (IsRequest) {
      state.parser->body_limit(kBodyLimit);
    } else {
      state.parser->body_limit(boost::none);
      state.parser->skip(bodyless);
    }
    stream_.set_read_deadline(idle);
    std::optional<steady_clock::time_point> begun;
    while (!state.parser->is_header_done()) {
      boost::system::error_code code = error::need_more;
      std::size_t used = 0;
      if (state.buffer.size() > 0) used = state.parser->put(state.buffer.data(), code);
      state.buffer.consume(used);
      if (code && code != error::need_more && code != error::need_buffer) co_return parse_failure(code);
      if (state.parser->is_header_done()) break;
      if (state.buffer.size() > kHeadLimit) co_return parse_failure(error::header_limit);
      const bool before_first = !state.parser->got_some() && state.buffer.size() == 0;
      if (!before_first) {  // a head that trickles has no more time than one that comes at once
        if (!begun) begun = steady_clock::now();
        const auto left = stall_ - std::chrono::duration_cast<net::Duration>(steady_clock::now() - *begun);
        stream_.set_read_deadline(std::max(left, net::Duration(1)));
      }
      auto got = co_await fill<IsRequest>(stream_, state);
      if (!got && IsRequest && begun && steady_clock::now() - *begun >= stall_) co_return too_slow(stall_);
      if (!got) co_return base::pass_on(got);
      if (*got == 0 && before_first) co_return std::optional<Head>{};
      if (*got == 0) co_return base::fail(ErrorKind::network, "the connection ended within the head of a message");
    }
    stream_.set_read_deadline(stall_);
    auto head = head_of(state);
    if (!head) co_return base::pass_on(head);
    if constexpr (!IsRequest) {
      if (head->status / 100 == 1) continue;  // interim responses are ours to consume
    }
    co_return std::optional<Head>(std::move(*head));
  }
}

template <bool IsRequest>
net::Task<Result<ByteView>> MessageReader<IsRequest>::read_body() {
  auto& state = *state_;
  while (true) {
    const std::size_t here = parse_body(state);
    if (here > 0) co_return piece_of(state, here);
    if (state.broken) co_return parse_failure(state.broken);
    if (state.parser->is_done()) co_return ByteView{};
    const auto asked = steady_clock::now();
    auto got = co_await fill<IsRequest>(stream_, state);
    if (!got && IsRequest && steady_clock::now() - asked >= stall_) co_return too_slow(stall_);
    if (!got) co_return base::pass_on(got);
    if (*got > 0) continue;
    // The end of the connection is the end of a body only where the message said so.
    boost::system::error_code code;
    state.parser->put_eof(code);
    if (code) co_return base::fail(ErrorKind::network, "the connection ended within the body of a message");
  }
}

template <bool IsRequest>
ByteView MessageReader<IsRequest>::body_here() {
  return piece_of(*state_, parse_body(*state_));
}

template <bool IsRequest>
net::Task<Result<std::string>> MessageReader<IsRequest>::read_whole_body(std::size_t cap) {
  std::string whole;
  while (true) {
    auto piece = co_await read_body();
    if (!piece) co_return base::pass_on(piece);
    if (piece->empty()) co_return whole;
    if (whole.size() + piece->size() > cap) {
      co_return base::fail(ErrorKind::limit,
                           "the body of the message is larger than " + std::to_string(cap) + " bytes");
    }
    whole += base::as_text(*piece);
  }
}

template <bool IsRequest>
net::Task<void> MessageReader<IsRequest>::wait_for_end() {
  stream_.set_read_deadline(net::Duration::zero());
  while (state_->buffer.size() < kPiece) {
    const auto got = co_await fill<IsRequest>(stream_, *state_);
    if (!got || *got == 0) co_return;
  }
  asio::steady_timer forever(co_await asio::this_coro::executor, asio::steady_timer::time_point::max());
  co_await forever.async_wait(asio::use_awaitable);
}

template <bool IsRequest>
bool MessageReader<IsRequest>::complete() const {
  return !state_->parser || state_->parser->is_done();
}

template <bool IsRequest>
std::uint64_t MessageReader<IsRequest>::bytes_received() const {
  return state_->received;
}

template <bool IsRequest>
std::uint64_t MessageReader<IsRequest>::bytes_consumed() const {
  return state_->received - state_->buffer.size();
}

template class MessageReader<true>;
template class MessageReader<false>;

}  // namespace blindbox::http
