// SPDX-License-Identifier: Apache-2.0
// Carries one request to an upstream and its answer back, piece by piece: at most kPiece bytes a direction are held,
// so a slow reader slows the writer; and when the client goes away, the relay ends at once.
#pragma once

#include <functional>
#include <optional>

#include "blindbox/http/limits.h"
#include "blindbox/http/message_reader.h"

namespace blindbox::http {

struct RelayLimits {
  net::Duration first_byte = std::chrono::minutes(10);  // from the end of the request to the answer's head
  net::Duration stall = std::chrono::minutes(2);        // between two reads of the answer, or for one write
  net::Duration total{0};                               // of the whole exchange; zero: no limit
  net::Duration upload = std::chrono::minutes(2);       // of the request's body, however steadily it trickles
};

// What a caller may add to an exchange, and hear of it.
struct RelayExtras {
  const Fields* added = nullptr;      // go into the head of the answer
  const std::string* body = nullptr;  // of the request, where it has been read off the client already
  std::uint64_t* answered = nullptr;  // counts the octets of the answer's body
  // Asked when the upstream breaks off: why it was cut, where this side knows better than the socket.
  std::function<std::optional<Error>()> reason{};
};

struct Relayed {
  enum class End {
    answered,         // the whole answer has been handed on
    client_gone,      // the client closed, broke the connection or sent a bad body
    upstream_failed,  // error says how; answer_begun says whether the client has seen a head
  };
  End end = End::upstream_failed;
  bool answer_begun = false;
  unsigned status = 0;     // of the answer, once it has begun
  bool timed_out = false;  // the upstream was there, and did not answer within a limit
  bool client_reusable = false;
  bool upstream_reusable = false;
  Error error;
};

// head has been read off client; the caller has made its fields what the upstream is to see. An answer of event stream
// or of NDJSON that breaks off ends with an error in the client's protocol, so that no client takes it for complete. Both
// sides keep their connections independently of each other, and each hop states its own Host where the request has none.
net::Task<Relayed> relay(const RequestHead& head, RequestReader& client, net::Stream& client_stream,
                         ResponseReader& upstream, net::Stream& upstream_stream, const RelayLimits& limits,
                         const RelayExtras& extras = {});

// A piece of a body in its framing; with the last one, which may be empty, what ends the body.
net::Task<Result<void>> write_piece(net::Stream& to, ByteView piece, Framing::Kind kind, bool last = false);

// Writes one whole answer of our own.
net::Task<Result<void>> write_response(net::Stream& stream, const struct Response& response, bool keep_alive,
                                       bool bodyless = false);

}  // namespace blindbox::http
