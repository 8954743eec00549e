// SPDX-License-Identifier: Apache-2.0
#include "blindbox/session/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "blindbox/http/limits.h"

namespace blindbox::session {
namespace {

ErrorKind kind_of(const Request& request) {
  const auto checked = check_request(request);
  EXPECT_FALSE(checked);
  return checked ? ErrorKind::internal : checked.error().kind;
}

TEST(Request, GoesAsItIs) {
  Request request;
  EXPECT_TRUE(check_request(request));
  request = {"PATCH", "/a?b=%20c&d", {{"X-Own", "a\tb \xE4"}}, {http::Framing::Kind::length, 3}, "abc"};
  EXPECT_TRUE(check_request(request));
  request.framing = {http::Framing::Kind::chunked, 0};
  EXPECT_TRUE(check_request(request));
  request.more = true;
  EXPECT_TRUE(check_request(request));
}

TEST(Request, NeverSaysTwoThings) {
  for (const std::string method : {"", "GET /", "G\r\n", "TRACE", "CONNECT"}) {
    EXPECT_EQ(kind_of({.method = method}), ErrorKind::usage) << method;
  }
  for (const std::string target : {"", "a", "*", "http://a/", "/a b", "/a\r\n", "/a#b", "/\xC3\xA4", "/\x7F"}) {
    EXPECT_EQ(kind_of({.target = target}), ErrorKind::usage) << target;
  }
  for (const std::string name : {"", "a b", "a:", "a\n"}) {
    EXPECT_EQ(kind_of({.fields = {{name, "x"}}}), ErrorKind::usage) << name;
  }
  for (const std::string value : {"a\r\nb", "a\n", "\x7F"}) {
    EXPECT_EQ(kind_of({.fields = {{"X-Own", value}}}), ErrorKind::usage) << value;
  }
  EXPECT_EQ(kind_of({.fields = {{"X-Own", std::string(1, '\0')}}}), ErrorKind::usage);
}

TEST(Request, KeepsToItsLength) {
  EXPECT_EQ(kind_of({.framing = {http::Framing::Kind::length, 4}, .body = "abc"}), ErrorKind::usage);
  EXPECT_EQ(kind_of({.body = "abc"}), ErrorKind::usage);  // no framing
  EXPECT_EQ(kind_of({.more = true}), ErrorKind::usage);
}

TEST(Request, StaysWithinWhatServersTake) {
  EXPECT_EQ(kind_of({.target = "/" + std::string(http::kTargetLimit, 'a')}), ErrorKind::limit);
  EXPECT_EQ(kind_of({.fields = {{"X-Own", std::string(http::kHeadLimit, 'a')}}}), ErrorKind::limit);
  EXPECT_EQ(kind_of({.fields = http::Fields(300, {"a", "b"})}), ErrorKind::limit);
}

TEST(Request, LeavesTheChannelsPathsAlone) {
  EXPECT_EQ(kind_of({.target = "/.well-known/blindbox/attestation"}), ErrorKind::forbidden);
}

}  // namespace
}  // namespace blindbox::session
