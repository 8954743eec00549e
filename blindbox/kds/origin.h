// SPDX-License-Identifier: Apache-2.0
// Where the service is.
#pragma once

#include <string>
#include <string_view>

#include "blindbox/net/connect.h"

namespace blindbox::kds {

// AMD's own (AMD 57230, chapter "KDS interface").
inline constexpr std::string_view kAmdUrl = "https://kdsintf.amd.com";

struct Origin {
  bool tls = true;
  net::HostPort at;
  // As in a URL, without the port that the scheme implies.
  [[nodiscard]] std::string authority() const;
  [[nodiscard]] std::string url() const;
};

// "https://HOST[:PORT]", or "http://" of a loopback address, for an emulator. ErrorKind::usage for anything else: AMD's
// root vouches for what is fetched, but in clear everyone on the way would learn which chip a client talks to.
[[nodiscard]] Result<Origin> parse_origin(std::string_view url);

}  // namespace blindbox::kds
