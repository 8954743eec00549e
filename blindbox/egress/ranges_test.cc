// SPDX-License-Identifier: Apache-2.0
#include "blindbox/egress/ranges.h"

#include <gtest/gtest.h>

#include <array>

namespace blindbox::egress {
namespace {

namespace ip = boost::asio::ip;

// The first and the last address of each range, and the ones just outside where no neighbour range holds them.
struct Edge {
  const char* before;  // "" where that is forbidden as well
  const char* first;
  const char* last;
  const char* after;
};
constexpr std::array kEdges = {
    Edge{"", "0.0.0.0", "0.255.255.255", "1.0.0.0"},
    Edge{"9.255.255.255", "10.0.0.0", "10.255.255.255", "11.0.0.0"},
    Edge{"100.63.255.255", "100.64.0.0", "100.127.255.255", "100.128.0.0"},
    Edge{"126.255.255.255", "127.0.0.0", "127.255.255.255", "128.0.0.0"},
    Edge{"168.63.129.15", "168.63.129.16", "168.63.129.16", "168.63.129.17"},
    Edge{"169.253.255.255", "169.254.0.0", "169.254.255.255", "169.255.0.0"},
    Edge{"172.15.255.255", "172.16.0.0", "172.31.255.255", "172.32.0.0"},
    Edge{"191.255.255.255", "192.0.0.0", "192.0.0.255", "192.0.1.0"},
    Edge{"192.0.1.255", "192.0.2.0", "192.0.2.255", "192.0.3.0"},
    Edge{"192.31.195.255", "192.31.196.0", "192.31.196.255", "192.31.197.0"},
    Edge{"192.52.192.255", "192.52.193.0", "192.52.193.255", "192.52.194.0"},
    Edge{"192.88.98.255", "192.88.99.0", "192.88.99.255", "192.88.100.0"},
    Edge{"192.167.255.255", "192.168.0.0", "192.168.255.255", "192.169.0.0"},
    Edge{"192.175.47.255", "192.175.48.0", "192.175.48.255", "192.175.49.0"},
    Edge{"198.17.255.255", "198.18.0.0", "198.19.255.255", "198.20.0.0"},
    Edge{"198.51.99.255", "198.51.100.0", "198.51.100.255", "198.51.101.0"},
    Edge{"203.0.112.255", "203.0.113.0", "203.0.113.255", "203.0.114.0"},
    Edge{"223.255.255.255", "224.0.0.0", "239.255.255.255", ""},
    Edge{"", "240.0.0.0", "255.255.255.255", ""},
    Edge{"", "::", "::", ""},
    Edge{"", "::1", "::1", ""},
    Edge{"", "::7f00:1", "::ffff:ffff", ""},
    Edge{"", "::ffff:0.0.0.0", "::ffff:255.255.255.255", ""},
    Edge{"", "::ffff:0:0.0.0.0", "::ffff:0:255.255.255.255", ""},
    Edge{"", "64:ff9b::", "64:ff9b::ffff:ffff", ""},
    Edge{"", "64:ff9b:1::", "64:ff9b:1:ffff:ffff:ffff:ffff:ffff", ""},
    Edge{"", "100::", "100::ffff:ffff:ffff:ffff", ""},
    Edge{"", "2001::", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff", "2001:200::"},
    Edge{"2001:db7:ffff:ffff:ffff:ffff:ffff:ffff", "2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff",
         "2001:db9::"},
    Edge{"2001:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2002::", "2002:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "2003::"},
    Edge{"2620:4f:7fff:ffff:ffff:ffff:ffff:ffff", "2620:4f:8000::", "2620:4f:8000:ffff:ffff:ffff:ffff:ffff",
         "2620:4f:8001::"},
    Edge{"3ffe:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff::", "3fff:fff:ffff:ffff:ffff:ffff:ffff:ffff", "3fff:1000::"},
    Edge{"", "5f00::", "5f00:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
    Edge{"", "fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
    Edge{"", "fe80::", "febf:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
    Edge{"", "fec0::", "feff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
    Edge{"", "ff00::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", ""},
};

TEST(Ranges, EndWhereTheyEnd) {
  for (const Edge& edge : kEdges) {
    EXPECT_TRUE(forbidden(ip::make_address(edge.first))) << edge.first;
    EXPECT_TRUE(forbidden(ip::make_address(edge.last))) << edge.last;
    for (const char* const outside : {edge.before, edge.after}) {
      if (*outside == '\0') continue;
      EXPECT_FALSE(forbidden(ip::make_address(outside))) << outside;
    }
  }
}

// A range that is added has its edges added here.
TEST(Ranges, EachHasItsEdges) {
  EXPECT_EQ(forbidden_ranges().size(), kEdges.size());
  for (std::size_t i = 0; i < kEdges.size(); ++i) {
    EXPECT_TRUE(forbidden(ip::make_address(kEdges.at(i).last))) << forbidden_ranges()[i].prefix;
  }
}

TEST(Ranges, HoldEveryMetadataService) {
  for (const char* const address :
       {"169.254.169.254", "169.254.170.2", "168.63.129.16", "fd00:ec2::254", "fd20:ce::254", "100.100.100.200",
        "192.0.0.192", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "2002:a9fe:a9fe::", "fe80::a9fe:a9fe"}) {
    EXPECT_TRUE(forbidden(ip::make_address(address))) << address;
  }
}

TEST(Ranges, OfIPv6OnlyGlobalUnicastIsLeft) {
  for (unsigned first = 0; first < 256; ++first) {
    ip::address_v6::bytes_type bytes{};
    bytes[0] = static_cast<unsigned char>(first);
    bytes[1] = 0x99;
    EXPECT_EQ(forbidden(ip::address_v6(bytes)).has_value(), first < 0x20 || first > 0x3F) << first;
  }
}

TEST(Ranges, LeaveThePublicInternet) {
  for (const char* const address :
       {"1.1.1.1", "8.8.8.8", "9.9.9.9", "20.0.0.1", "2606:4700:4700::1111", "2001:4860:4860::8888", "2a00::1"}) {
    EXPECT_FALSE(forbidden(ip::make_address(address))) << address;
  }
}

}  // namespace
}  // namespace blindbox::egress
