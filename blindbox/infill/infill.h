// SPDX-License-Identifier: Apache-2.0
// Asks a server for what belongs in a hole, in llama.cpp's protocol, and hears the text as it is made.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "blindbox/net/connect.h"
#include "blindbox/net/stream.h"

namespace blindbox::infill {

// The field by which a proxy says what its answers came through; docs/protocol.md.
inline constexpr std::string_view kVerdictField = "Blindbox-Verdict";
// A completion is some lines; a server that sends more than this is not making one.
inline constexpr std::size_t kAnswerCap = std::size_t{4} << 20;

// Another file, or a part of one, that helps to fill the hole.
struct Extra {
  std::string filename;
  std::string text;
};

struct Hole {
  std::string prefix;
  std::string suffix;
  std::vector<Extra> extra{};
};

struct Options {
  unsigned max_tokens = 64;
  bool single_line = false;  // stop at the end of the line
  // After this long the line that is being made is the last one; zero: no such bound.
  std::chrono::milliseconds time_budget{0};
};

struct Filled {
  std::string text;
  unsigned tokens = 0;
  std::chrono::microseconds first_token{0};  // from sending the request
  double tokens_per_second = 0;              // as the engine measured it
  bool out_of_tokens = false;                // max_tokens ended it, in the middle of whatever it was
  std::string verdict;                       // the proxy's words; empty where it said nothing
  bool emulated = false;                     // the proxy says that there is no TEE behind it
};

using OnText = std::function<void(std::string_view)>;

// Over a new connection to a server of this machine. Errors carry the server's own words: the type of its error as
// detail (not_authentic, not_acceptable, malformed, limit, ... by that type; network otherwise), protocol where the answer
// is not llama.cpp's, limit past kAnswerCap.
net::Task<Result<Filled>> fill(net::HostPort server, Hole hole, Options options, OnText on_text);
// The same over a stream that is open and outlives the call; to close it ends the call with an error.
net::Task<Result<Filled>> fill_over(net::Stream& stream, std::string host, Hole hole, Options options, OnText on_text);

}  // namespace blindbox::infill
