// SPDX-License-Identifier: Apache-2.0
#include "blindbox/kds/origin.h"

#include <gtest/gtest.h>

namespace blindbox::kds {
namespace {

TEST(Origin, is_a_host_by_https_or_this_machine_by_http) {
  const auto amd = parse_origin(kAmdUrl);
  ASSERT_TRUE(amd);
  EXPECT_TRUE(amd->tls);
  EXPECT_EQ(amd->at.text(), "kdsintf.amd.com:443");
  EXPECT_EQ(amd->authority(), "kdsintf.amd.com");
  EXPECT_EQ(amd->url(), kAmdUrl);
  for (const char* url : {"https://mirror.example:8443", "http://127.0.0.1:8080", "http://[::1]:8080",
                          "http://localhost:8080", "http://127.0.0.2"}) {
    const auto origin = parse_origin(url);
    ASSERT_TRUE(origin) << url;
    EXPECT_EQ(origin->url(), url);
  }
}

TEST(Origin, is_nothing_else) {
  for (const char* url : {"", "kdsintf.amd.com", "http://kdsintf.amd.com", "http://192.0.2.1:80", "http://0.0.0.0:80",
                          "http://localhost.example:80", "ftp://127.0.0.1", "https://", "https://host:port",
                          "https://host/path", "https://user@host", "http://127.0.0.1:80/x", "https://host?x"}) {
    const auto origin = parse_origin(url);
    ASSERT_FALSE(origin) << url;
    EXPECT_EQ(origin.error().kind, ErrorKind::usage) << url;
  }
}

}  // namespace
}  // namespace blindbox::kds
