// SPDX-License-Identifier: Apache-2.0
#include "blindbox/egress/ranges.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <vector>

namespace blindbox::egress {
namespace {

namespace ip = boost::asio::ip;

constexpr std::array kRanges = {
    Range{"0.0.0.0/8", "this network"},
    Range{"10.0.0.0/8", "private"},
    Range{"100.64.0.0/10", "shared by carriers"},
    Range{"127.0.0.0/8", "loopback"},
    Range{"168.63.129.16/32", "Azure's host"},
    Range{"169.254.0.0/16", "link-local and metadata"},
    Range{"172.16.0.0/12", "private"},
    Range{"192.0.0.0/24", "protocol assignments"},
    Range{"192.0.2.0/24", "documentation"},
    Range{"192.31.196.0/24", "AS112"},
    Range{"192.52.193.0/24", "AMT"},
    Range{"192.88.99.0/24", "6to4 relays"},
    Range{"192.168.0.0/16", "private"},
    Range{"192.175.48.0/24", "AS112"},
    Range{"198.18.0.0/15", "benchmarks"},
    Range{"198.51.100.0/24", "documentation"},
    Range{"203.0.113.0/24", "documentation"},
    Range{"224.0.0.0/4", "multicast"},
    Range{"240.0.0.0/4", "reserved and broadcast"},
    Range{"::/128", "unspecified"},
    Range{"::1/128", "loopback"},
    Range{"::/96", "IPv4-compatible"},
    Range{"::ffff:0:0/96", "IPv4-mapped"},
    Range{"::ffff:0:0:0/96", "IPv4-translated"},
    Range{"64:ff9b::/96", "NAT64"},
    Range{"64:ff9b:1::/48", "local NAT64"},
    Range{"100::/64", "discard"},
    Range{"2001::/23", "protocol assignments and Teredo"},
    Range{"2001:db8::/32", "documentation"},
    Range{"2002::/16", "6to4"},
    Range{"2620:4f:8000::/48", "AS112"},
    Range{"3fff::/20", "documentation"},
    Range{"5f00::/16", "segment routing"},
    Range{"fc00::/7", "unique-local and metadata"},
    Range{"fe80::/10", "link-local"},
    Range{"fec0::/10", "site-local"},
    Range{"ff00::/8", "multicast"},
};
constexpr std::string_view kNotGlobal = "not global unicast";

// Both families as 128 bits, IPv4 at the front of its own, so that a prefix is a comparison of leading bits.
using Bits = std::array<unsigned char, 16>;
struct Prefix {
  bool v4;
  Bits bits;
  unsigned length;
  std::string_view name;
};

Bits bits_of(const ip::address& address) {
  Bits bits{};
  if (address.is_v4()) {
    std::ranges::copy(address.to_v4().to_bytes(), bits.begin());
  } else {
    std::ranges::copy(address.to_v6().to_bytes(), bits.begin());
  }
  return bits;
}

bool starts_with(const Bits& address, const Prefix& prefix) {
  for (unsigned bit = 0; bit < prefix.length; ++bit) {
    const unsigned difference = unsigned{address.at(bit / 8)} ^ unsigned { prefix.bits.at(bit / 8) };
    if ((difference >> (7 - bit % 8) & 1U) != 0) return false;
  }
  return true;
}

Prefix parse(const Range& range) {
  const auto slash = range.prefix.find('/');
  const auto address = ip::make_address(std::string(range.prefix.substr(0, slash)));
  unsigned length = 0;
  for (const char digit : range.prefix.substr(slash + 1)) length = length * 10 + static_cast<unsigned>(digit - '0');
  return {address.is_v4(), bits_of(address), length, range.name};
}

const std::vector<Prefix>& prefixes() {
  static const std::vector<Prefix> parsed = [] {
    std::vector<Prefix> out;
    for (const Range& range : kRanges) out.push_back(parse(range));
    return out;
  }();
  return parsed;
}

}  // namespace

std::span<const Range> forbidden_ranges() { return kRanges; }

std::optional<std::string_view> forbidden(const ip::address& address) {
  const Bits bits = bits_of(address);
  for (const Prefix& prefix : prefixes()) {
    if (prefix.v4 == address.is_v4() && starts_with(bits, prefix)) return prefix.name;
  }
  if (address.is_v6() && (bits[0] & 0xE0U) != 0x20U) return kNotGlobal;
  return std::nullopt;
}

}  // namespace blindbox::egress
