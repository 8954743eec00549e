// SPDX-License-Identifier: Apache-2.0
// Where a request goes, and where an answer sends it.
#pragma once

#include <string>
#include <string_view>

#include "blindbox/net/connect.h"

namespace blindbox::fetch {

struct Url {
  bool tls = true;
  net::HostPort at;
  std::string target = "/";  // path and query

  // Without the port that the scheme implies.
  [[nodiscard]] std::string authority() const;
  [[nodiscard]] std::string origin() const;  // "https://host"
  [[nodiscard]] std::string text() const { return origin() + target; }
};

// "https://HOST[:PORT][/PATH][?QUERY]" or "http://..."; a fragment is dropped. ErrorKind::protocol for what is none,
// has a user's name in it, or has blanks or control characters.
[[nodiscard]] Result<Url> parse_web_url(std::string_view text);
// A reference (RFC 3986, section 4.2) of a page at base: another URL, an absolute or a relative path.
[[nodiscard]] Result<Url> resolve(const Url& base, std::string_view reference);

// For a value in a query: everything but unreserved characters becomes %XX.
[[nodiscard]] std::string percent_encode(std::string_view text);
// target with one more parameter.
[[nodiscard]] std::string with_query(const std::string& target, std::string_view key, std::string_view value);

}  // namespace blindbox::fetch
