// SPDX-License-Identifier: Apache-2.0
#include "blindbox/net/address.h"

#include <gtest/gtest.h>

namespace blindbox::net {
namespace {

AddressKind of(const char* text) { return kind_of(boost::asio::ip::make_address(text)); }

TEST(Address, of_the_internet) {
  for (const char* text :
       {"1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "128.0.0.1", "172.15.255.255",
        "172.32.0.0", "192.167.255.255", "223.255.255.255", "2606:4700::1111", "64:ff9b::1.1.1.1", "::ffff:1.1.1.1"}) {
    EXPECT_EQ(of(text), AddressKind::global) << text;
  }
}

TEST(Address, of_private_networks) {
  for (const char* text : {"10.0.0.0", "10.255.255.255", "100.64.0.0", "172.16.0.1", "172.31.255.255", "192.168.0.1",
                           "fc00::1", "fdff::1", "::ffff:10.1.2.3", "64:ff9b::192.168.1.1", "2002:0a00:0001::"}) {
    EXPECT_EQ(of(text), AddressKind::private_use) << text;
  }
}

TEST(Address, of_this_machine_and_this_link) {
  for (const char* text : {"127.0.0.1", "127.255.255.255", "::1", "::ffff:127.0.0.1", "2002:7f00:1::"}) {
    EXPECT_EQ(of(text), AddressKind::loopback) << text;
  }
  for (const char* text : {"169.254.169.254", "fe80::1", "febf::1", "::ffff:169.254.169.254", "fec0::1"}) {
    EXPECT_EQ(of(text), AddressKind::link_local) << text;
  }
}

TEST(Address, of_nobody) {
  for (const char* text :
       {"0.0.0.0", "0.1.2.3", "192.0.0.1", "192.0.2.1", "198.18.0.1", "198.51.100.1", "203.0.113.1", "224.0.0.1",
        "240.0.0.1", "255.255.255.255", "::", "ff02::1", "2001:db8::1", "100::1", "::1.2.3.4"}) {
    EXPECT_EQ(of(text), AddressKind::special) << text;
  }
}

}  // namespace
}  // namespace blindbox::net
