// SPDX-License-Identifier: Apache-2.0
// The page at the proxy's address, as constants of the binary: no file is read at run time, so nobody who can write to a
// folder of this machine can change what it shows.
#pragma once

#include <optional>
#include <string_view>

#include "blindbox/http/message.h"

namespace blindbox::page {

// Where the page is; every path that find_asset() knows begins with it.
inline constexpr std::string_view kRoot = "/.blindbox/";

struct Asset {
  std::string_view content_type;  // with its charset
  std::string_view body;          // as it goes over the wire, not compressed
  std::string_view etag;          // a strong one, with its quotes (RFC 9110 section 8.8.3)
};

// The asset at that path, without query; kRoot itself is the page. Compared byte by byte: nothing is decoded or
// normalised, so what is not literally one of ours is nothing.
[[nodiscard]] std::optional<Asset> find_asset(std::string_view path);

// To be sent with every asset, and with each answer of the page's own paths: what a browser may load (from here alone),
// run (the page's own script, no inline, no eval, no strings that become code) and be framed by (nobody).
[[nodiscard]] http::Fields security_fields();

}  // namespace blindbox::page
