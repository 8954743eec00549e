// SPDX-License-Identifier: Apache-2.0
// One request over plain HTTP to a server on this machine, its answer piece by piece.
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

// The head of the answer, after its body has gone to on_piece.
net::Task<Result<ResponseHead>> exchange(const net::HostPort& with, Exchange request, OnPiece on_piece);

}  // namespace blindbox::http
