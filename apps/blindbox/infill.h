// SPDX-License-Identifier: Apache-2.0
// Asks a server for what belongs in a hole, in llama.cpp's protocol, and hears the text as it is made.
#pragma once

#include <functional>
#include <string>

#include "blindbox/net/connect.h"

namespace blindbox::apps {

struct Hole {
  std::string prefix;
  std::string suffix;
};

struct InfillOptions {
  unsigned max_tokens = 64;
  bool single_line = false;  // stop at the end of the line
};

struct Filled {
  std::string text;
  unsigned tokens = 0;
  std::chrono::microseconds first_token{0};  // from sending the request
  double tokens_per_second = 0;              // as the engine measured it
  bool emulated = false;                     // the proxy says that there is no TEE behind it
};

using OnText = std::function<void(std::string_view)>;

net::Task<Result<Filled>> infill(const net::HostPort& server, const Hole& hole, const InfillOptions& options,
                                 OnText on_text);

}  // namespace blindbox::apps
