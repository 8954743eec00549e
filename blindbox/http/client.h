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
};

// Hears each piece of the body as it comes; false ends the exchange.
using OnPiece = std::function<bool(ByteView)>;

// The head of the answer, after its body has gone to on_piece. Over plain HTTP, for servers on this machine.
net::Task<Result<ResponseHead>> exchange(const net::HostPort& with, Exchange request, OnPiece on_piece);
// The same over a stream that is open, which outlives the call; host is what the field of that name says.
net::Task<Result<ResponseHead>> exchange_over(net::Stream& stream, std::string host, Exchange request,
                                              OnPiece on_piece);

}  // namespace blindbox::http
