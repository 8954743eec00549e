// SPDX-License-Identifier: Apache-2.0
#include "blindbox/net/address.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <optional>

namespace blindbox::net {
namespace {

namespace ip = boost::asio::ip;

struct Range4 {
  std::uint32_t network;
  int bits;
  AddressKind kind;
};
constexpr std::array kRanges4 = {
    Range4{0x00000000, 8, AddressKind::special},      Range4{0x0a000000, 8, AddressKind::private_use},
    Range4{0x64400000, 10, AddressKind::private_use}, Range4{0x7f000000, 8, AddressKind::loopback},
    Range4{0xa9fe0000, 16, AddressKind::link_local},  Range4{0xac100000, 12, AddressKind::private_use},
    Range4{0xc0000000, 24, AddressKind::special},     Range4{0xc0000200, 24, AddressKind::special},
    Range4{0xc0a80000, 16, AddressKind::private_use}, Range4{0xc6120000, 15, AddressKind::special},
    Range4{0xc6336400, 24, AddressKind::special},     Range4{0xcb007100, 24, AddressKind::special},
    Range4{0xe0000000, 3, AddressKind::special},
};

AddressKind kind_of_v4(std::uint32_t address) {
  for (const Range4& range : kRanges4) {
    if ((address ^ range.network) >> (32 - range.bits) == 0) return range.kind;
  }
  return AddressKind::global;
}

using Bytes16 = ip::address_v6::bytes_type;

std::uint32_t v4_at(const Bytes16& bytes, std::size_t at) {
  return static_cast<std::uint32_t>(bytes[at]) << 24U | static_cast<std::uint32_t>(bytes[at + 1]) << 16U |
         static_cast<std::uint32_t>(bytes[at + 2]) << 8U | static_cast<std::uint32_t>(bytes[at + 3]);
}

std::optional<std::uint32_t> embedded_v4(const ip::address_v6& address) {
  const Bytes16 bytes = address.to_bytes();
  constexpr std::array<unsigned char, 12> kNat64 = {0, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0};
  if (address.is_v4_mapped() || std::equal(kNat64.begin(), kNat64.end(), bytes.begin())) return v4_at(bytes, 12);
  if (bytes[0] == 0x20 && bytes[1] == 0x02) return v4_at(bytes, 2);
  return std::nullopt;
}

AddressKind kind_of_v6(const ip::address_v6& address) {
  if (const auto v4 = embedded_v4(address)) return kind_of_v4(*v4);
  if (address.is_loopback()) return AddressKind::loopback;
  const Bytes16 bytes = address.to_bytes();
  if ((bytes[0] & 0xfeU) == 0xfc) return AddressKind::private_use;
  if (bytes[0] == 0xfe && (bytes[1] & 0xc0U) >= 0x80) return AddressKind::link_local;
  const bool documentation = bytes[0] == 0x20 && bytes[1] == 0x01 && bytes[2] == 0x0d && bytes[3] == 0xb8;
  // Global unicast is 2000::/3; nothing else has been given out.
  if ((bytes[0] & 0xe0U) != 0x20 || documentation) return AddressKind::special;
  return AddressKind::global;
}

}  // namespace

AddressKind kind_of(const ip::address& address) {
  return address.is_v4() ? kind_of_v4(address.to_v4().to_uint()) : kind_of_v6(address.to_v6());
}

const char* kind_name(AddressKind kind) {
  switch (kind) {
    case AddressKind::global: return "global";
    case AddressKind::private_use: return "private";
    case AddressKind::loopback: return "loopback";
    case AddressKind::link_local: return "link-local";
    case AddressKind::special: break;
  }
  return "special";
}

}  // namespace blindbox::net
