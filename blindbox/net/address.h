// SPDX-License-Identifier: Apache-2.0
// What kind of network an address belongs to.
#pragma once

#include <boost/asio/ip/address.hpp>

namespace blindbox::net {

enum class AddressKind {
  global,
  private_use,  // RFC 1918, RFC 6598, RFC 4193
  loopback,
  link_local,  // cloud services' metadata among them
  special,     // unspecified, multicast, documentation, reserved
};
// By the IANA registries of special-purpose addresses. IPv4 within IPv6 (RFC 4291 section 2.5.5.2, RFC 6052, RFC 3056)
// counts as the IPv4 address.
[[nodiscard]] AddressKind kind_of(const boost::asio::ip::address& address);
[[nodiscard]] const char* kind_name(AddressKind kind);

}  // namespace blindbox::net
