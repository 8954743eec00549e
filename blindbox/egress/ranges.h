// SPDX-License-Identifier: Apache-2.0
// Which addresses nobody may be sent to: whatever is not the public Internet, and the clouds' metadata services.
#pragma once

#include <boost/asio/ip/address.hpp>
#include <optional>
#include <span>
#include <string_view>

namespace blindbox::egress {

struct Range {
  std::string_view prefix;  // "10.0.0.0/8", "fc00::/7"
  std::string_view name;    // what it is for
};
// IANA's special-purpose registries (RFC 6890 and its updates) without the few entries that are globally reachable, what
// embeds an IPv4 address in an IPv6 one, and clouds' addresses that lie in public space. Only 2000::/3 is global unicast
// (RFC 4291 section 2.4); the rest of IPv6 is forbidden as a whole, and listed where it has a name.
[[nodiscard]] std::span<const Range> forbidden_ranges();

// The name of the range that forbids it; nullopt where nothing does.
[[nodiscard]] std::optional<std::string_view> forbidden(const boost::asio::ip::address& address);

}  // namespace blindbox::egress
