// SPDX-License-Identifier: Apache-2.0
#include "blindbox/proxy/route.h"

#include <gtest/gtest.h>

namespace blindbox::proxy {
namespace {

std::string routed(std::string target, http::Fields fields, std::string* left = nullptr) {
  http::RequestHead head{"POST", std::move(target), std::move(fields), {}};
  const auto name = take_route(head);
  if (left != nullptr) *left = head.target + (head.fields.empty() ? "" : " and fields");
  return name ? "[" + *name + "]" : name.error().what;
}

TEST(Route, NamesComeFromPathOrField) {
  std::string left;
  EXPECT_EQ(routed("/infill", {}, &left), "[]");
  EXPECT_EQ(left, "/infill");
  EXPECT_EQ(routed("/@work/v1/completions?x=1", {}, &left), "[work]");
  EXPECT_EQ(left, "/v1/completions?x=1");
  EXPECT_EQ(routed("/@work", {}, &left), "[work]");
  EXPECT_EQ(left, "/");
  EXPECT_EQ(routed("/@work?x", {}, &left), "[work]");
  EXPECT_EQ(left, "/?x");
  EXPECT_EQ(routed("/infill", {{"blindbox-server", "work"}}, &left), "[work]");
  EXPECT_EQ(left, "/infill") << "the server does not see it";
  EXPECT_EQ(routed("/@work/x", {{"Blindbox-Server", "work"}}), "[work]");
}

TEST(Route, DoubtIsAnError) {
  EXPECT_EQ(routed("/@work/x", {{"Blindbox-Server", "home"}}), "the request names two servers");
  EXPECT_EQ(routed("/x", {{"Blindbox-Server", "home"}, {"Blindbox-Server", "work"}}), "the request names two servers");
  EXPECT_EQ(routed("/@/x", {}), "the path's /@NAME/ names no server");
  EXPECT_EQ(routed("/@Work/x", {}), "the path's /@NAME/ names no server");
  EXPECT_EQ(routed("/x", {{"Blindbox-Server", "../x"}}), "the field Blindbox-Server names no server");
}

TEST(Route, OnlyWhatChangesNothingIsRepeated) {
  EXPECT_TRUE(may_repeat({"GET", "/anything", {}, {}}));
  EXPECT_TRUE(may_repeat({"POST", "/infill?x", {}, {}}));
  EXPECT_TRUE(may_repeat({"POST", "/openai/deployments/d/completions?api-version=1", {}, {}}));
  EXPECT_TRUE(may_repeat({"POST", "/v1/chat/completions", {}, {}}));
  EXPECT_FALSE(may_repeat({"POST", "/orders", {}, {}}));
  EXPECT_FALSE(may_repeat({"PATCH", "/infill", {}, {}}));
}

}  // namespace
}  // namespace blindbox::proxy
