// SPDX-License-Identifier: Apache-2.0
// Reads messages off a Stream, one after the other, strictly (RFC 9112): whatever two servers could read in two ways
// is refused, so that nothing can be smuggled past a gate.
#pragma once

#include <memory>

#include "blindbox/http/limits.h"
#include "blindbox/http/message.h"
#include "blindbox/net/stream.h"

namespace blindbox::http {

namespace internal {
template <bool IsRequest>
struct ReaderState;
}

// What a request may name. A server of its own takes paths alone; a forward proxy takes what RFC 9112 section 3.2 keeps
// for proxies, CONNECT and the absolute form, and no path.
enum class Targets { paths, proxied };

template <bool IsRequest>
class MessageReader {
 public:
  using Head = std::conditional_t<IsRequest, RequestHead, ResponseHead>;

  // The stream outlives the reader. stall bounds the time that a head takes from its first byte on, and the wait
  // between two reads of a body.
  explicit MessageReader(net::Stream& stream, net::Duration stall = kStallLimit, Targets targets = Targets::paths);
  MessageReader(const MessageReader&) = delete;
  MessageReader& operator=(const MessageReader&) = delete;
  ~MessageReader();

  void set_stall(net::Duration stall) { stall_ = stall; }

  // The next message's head. nullopt: an orderly end before its first byte. ErrorKind::protocol for what is not
  // strict HTTP, ErrorKind::limit over kHeadLimit or kBodyLimit, ErrorKind::network for the connection.
  // Requests only: idle bounds the wait for the first byte. Responses only: bodyless says that it answers a HEAD.
  net::Task<Result<std::optional<Head>>> read_head(net::Duration idle, bool bodyless = false);

  // The next piece of the body, valid until the next call; empty at its end.
  net::Task<Result<ByteView>> read_body();
  // The same of what has come already; empty where read_body() would wait or fail. Takes no time.
  [[nodiscard]] ByteView body_here();
  // All of it; more than cap is ErrorKind::limit.
  net::Task<Result<std::string>> read_whole_body(std::size_t cap);

  // Returns when the peer has closed or broken the connection; bytes that come meanwhile are kept for the next
  // message. Past kPiece of them it waits for nothing and only returns when cancelled.
  net::Task<void> wait_for_end();

  // True when the message has been read to its end, so that another may follow.
  [[nodiscard]] bool complete() const;
  // Octets off the stream so far, heads included; and how many of them belong to messages already read.
  [[nodiscard]] std::uint64_t bytes_received() const;
  [[nodiscard]] std::uint64_t bytes_consumed() const;

 private:
  net::Stream& stream_;
  net::Duration stall_;
  std::unique_ptr<internal::ReaderState<IsRequest>> state_;
};

extern template class MessageReader<true>;
extern template class MessageReader<false>;
using RequestReader = MessageReader<true>;
using ResponseReader = MessageReader<false>;

}  // namespace blindbox::http
