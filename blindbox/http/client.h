// SPDX-License-Identifier: Apache-2.0
// One request and its answer, piece by piece.
#pragma once

#include <functional>

#include "blindbox/http/message_reader.h"
#include "blindbox/net/connect.h"

namespace blindbox::http {

struct Exchange {
  std::string method = "GET";
  std::string target = "/";
  Fields fields;
  std::string body;
  net::Duration limit = std::chrono::minutes(10);  // to the answer's head
  net::Duration stall = std::chrono::minutes(2);   // between two pieces of the answer
  // In place of body where it is given: total bytes, and whatever hands out the next of them.
  std::uint64_t body_size = 0;
  std::function<Result<ByteView>()> next_piece{};
};

// Hears each piece of the body as it comes; false ends the exchange.
using OnPiece = std::function<bool(ByteView)>;
using OnHead = std::function<bool(const ResponseHead&)>;

// The head of the answer, after its body has gone to on_piece. Over plain HTTP, for servers on this machine.
net::Task<Result<ResponseHead>> exchange(const net::HostPort& with, Exchange request, OnPiece on_piece);
// The same over a stream that is open, which outlives the call; host is what the field of that name says. on_head, if
// any, hears the head before the body; false ends the exchange.
net::Task<Result<ResponseHead>> exchange_over(net::Stream& stream, std::string host, Exchange request, OnPiece on_piece,
                                              OnHead on_head = {});

}  // namespace blindbox::http
