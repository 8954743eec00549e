// SPDX-License-Identifier: Apache-2.0
#include "blindbox/egress/target.h"

#include <gtest/gtest.h>

#include "blindbox/egress/allow_list.h"

namespace blindbox::egress {
namespace {

Result<Target> parse(const std::string& method, const std::string& target) {
  http::RequestHead head;
  head.method = method;
  head.target = target;
  return parse_target(head);
}

TEST(Target, ReadsBothForms) {
  const auto tunnel = parse("CONNECT", "API.Example.com.:443").value();
  EXPECT_TRUE(tunnel.tunnel);
  EXPECT_EQ(tunnel.host, "api.example.com");
  EXPECT_EQ(tunnel.port, 443);
  EXPECT_FALSE(tunnel.literal);
  const auto plain = parse("GET", "HTTP://example.com/a?b").value();
  EXPECT_FALSE(plain.tunnel);
  EXPECT_EQ(plain.port, 80);
  EXPECT_EQ(plain.path, "/a?b");
  EXPECT_EQ(plain.authority(), "example.com");
  EXPECT_EQ(parse("GET", "http://example.com:8080").value().path, "/");
  EXPECT_EQ(parse("GET", "http://example.com:8080").value().authority(), "example.com:8080");
  EXPECT_EQ(parse("GET", "http://example.com?x").value().path, "/?x");
  EXPECT_EQ(parse("OPTIONS", "http://example.com").value().path, "*");
}

TEST(Target, KnowsAddresses) {
  EXPECT_EQ(parse("CONNECT", "1.2.3.4:443").value().literal, boost::asio::ip::make_address("1.2.3.4"));
  const auto six = parse("CONNECT", "[2001:DB8:0:0::1]:443").value();
  EXPECT_TRUE(six.literal);
  EXPECT_EQ(six.host, "2001:db8::1");
  EXPECT_EQ(six.authority(), "[2001:db8::1]:443");
}

TEST(Target, RefusesWhatTwoReadersCouldReadInTwoWays) {
  for (const char* const target : {"",
                                   "example.com",
                                   "example.com:",
                                   "example.com:0",
                                   "example.com:65536",
                                   "example.com:+1",
                                   "example.com:443/",
                                   "example.com:44 3",
                                   "user@example.com:443",
                                   ":443",
                                   ".example.com:443",
                                   "example..com:443",
                                   "-a.com:443",
                                   "a-.com:443",
                                   "a_b*.com:443",
                                   "127.1:443",
                                   "2130706433:443",
                                   "0x7f000001:443",
                                   "0x7f.1:443",
                                   "1.2.3.04:443",
                                   "1.2.3.256:443",
                                   "1.2.3:443",
                                   "a.1:443",
                                   "::1:443",
                                   "[::1%lo]:443",
                                   "[::1:443",
                                   "::1]:443",
                                   "[1.2.3.4]:443",
                                   "[]:443",
                                   "ex\xC3\xA4mple.com:443",
                                   "example.com\\@evil.com:443",
                                   "example.com:443:443"}) {
    EXPECT_FALSE(parse("CONNECT", target)) << target;
  }
  EXPECT_FALSE(parse("CONNECT", std::string(64, 'a') + ".com:443"));
  EXPECT_FALSE(parse("CONNECT", std::string(63, 'a') + "." + std::string(63, 'a') + "." + std::string(63, 'a') + "." +
                                    std::string(63, 'a') + ":443"));
  for (const char* const target :
       {"https://example.com/", "ftp://example.com/", "example.com/", "http:/example.com/", "http://", "http:///x",
        "http://a@example.com/", "http://example.com\\.evil.com/", "http://example.com:80:80/"}) {
    EXPECT_FALSE(parse("GET", target)) << target;
  }
  http::RequestHead body;
  body.method = "CONNECT";
  body.target = "example.com:443";
  body.framing = {http::Framing::Kind::length, 1};
  EXPECT_FALSE(parse_target(body));
}

TEST(AllowList, TakesWhatIsListedAndNothingElse) {
  const AllowList list({{"api.example.com", 443}, {"*.example.org", 443}, {"203.0.113.9", 443}, {"2001:db8::1", 80}});
  const auto allows = [&](const std::string& target) { return list.allows(parse("CONNECT", target).value()); };
  EXPECT_TRUE(allows("api.example.com:443"));
  EXPECT_TRUE(allows("API.EXAMPLE.COM.:443"));
  EXPECT_FALSE(allows("api.example.com:80"));
  EXPECT_FALSE(allows("example.com:443"));
  EXPECT_FALSE(allows("x.api.example.com:443"));
  EXPECT_FALSE(allows("api.example.com.evil.net:443"));
  EXPECT_TRUE(allows("a.example.org:443"));
  EXPECT_TRUE(allows("a.b.example.org:443"));
  EXPECT_FALSE(allows("example.org:443"));
  EXPECT_FALSE(allows("aexample.org:443"));
  EXPECT_TRUE(allows("203.0.113.9:443"));
  EXPECT_FALSE(allows("203.0.113.8:443"));
  EXPECT_TRUE(allows("[2001:db8:0::1]:80"));
  EXPECT_FALSE(AllowList({}).allows(parse("CONNECT", "api.example.com:443").value()));
  EXPECT_FALSE(AllowList({{"*.0.0.1", 443}}).allows(parse("CONNECT", "127.0.0.1:443").value()));
}

}  // namespace
}  // namespace blindbox::egress
