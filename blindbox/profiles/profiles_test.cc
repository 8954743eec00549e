// SPDX-License-Identifier: Apache-2.0
#include "blindbox/profiles/profiles.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace blindbox::profiles {
namespace {

std::string problem(std::string_view yaml) {
  const auto parsed = parse(yaml, "c.yml", "/f");
  return parsed ? "" : parsed.error().what;
}

constexpr std::string_view kGood =
    "default: home\nservers:\n  work:\n    url: https://a:1\n    policy: policies/work.yml\n"
    "  home:\n    url: https://b\n    policy: /p/home.yml\n    offline: true\n    cache_dir: /c\n";

TEST(Profiles, AreRead) {
  const auto parsed = parse(kGood, "c.yml", "/f");
  ASSERT_TRUE(parsed) << parsed.error().what;
  EXPECT_EQ(parsed->preferred, "home");
  ASSERT_EQ(parsed->servers.size(), 2U);
  EXPECT_EQ(parsed->find("work")->policy, "/f/policies/work.yml");
  EXPECT_EQ(*parsed->find("home"), (Profile{"home", "https://b", "/p/home.yml", true, "", "/c"}));
  EXPECT_EQ(parsed->find("other"), nullptr);
}

TEST(Profiles, ComeBackAsTheyWereWritten) {
  Profiles all = parse(kGood, "c.yml", "/f").value();
  all.put({"a\"b", "https://x", "/f/q\\\"uote.yml", false, "http://127.0.0.1:1", {}});
  all.servers.back().name = "third";
  EXPECT_EQ(parse(write(all, "/f"), "c.yml", "/f").value(), all);
  EXPECT_EQ(parse(write({}, "/f"), "c.yml", "/f").value(), Profiles{});
}

TEST(Profiles, TheFirstIsTheDefault) {
  Profiles all;
  all.put({"one", "https://a", "/p", false, "", {}});
  all.put({"two", "https://b", "/p", false, "", {}});
  all.put({"one", "https://c", "/p", false, "", {}});
  EXPECT_EQ(all.preferred, "one");
  EXPECT_EQ(all.servers.size(), 2U);
  EXPECT_EQ(all.find("one")->url, "https://c");
}

TEST(Profiles, WhatIsNoneIsRefusedByItsPlace) {
  EXPECT_NE(problem("servers:\n  a:\n    url: x\n"), "") << "no policy";
  EXPECT_NE(problem("servers:\n  a:\n    policy: x\n"), "") << "no url";
  EXPECT_NE(problem("default: b\nservers:\n  a: {url: x, policy: y}\n"), "");
  EXPECT_EQ(problem("servers:\n  a: {url: x, policy: y, tls: off}\n").substr(0, 8), "c.yml:2:");
  EXPECT_NE(problem("servers:\n  A/b: {url: x, policy: y}\n"), "");
  EXPECT_NE(problem("servers:\n  a: {url: x, policy: y}\n  a: {url: z, policy: y}\n"), "") << "twice";
  EXPECT_NE(problem("servers: []\n"), "");
  EXPECT_NE(problem(""), "");
  EXPECT_NE(problem("servers: &a {}\nx: *a\n"), "");
}

TEST(Profiles, LiveInAFolderOfTheirOwner) {
  const std::string folder = testing::TempDir() + "profiles_test/new";
  std::filesystem::remove_all(folder);
  EXPECT_EQ(load(folder).value(), Profiles{});
  const Profiles all = parse(kGood, "c.yml", folder).value();
  ASSERT_TRUE(save(all, folder));
  EXPECT_EQ(load(folder).value(), all);
  EXPECT_EQ(std::filesystem::status(folder).permissions(), std::filesystem::perms::owner_all);
  std::ofstream(folder + "/" + kFile) << "servers: {";
  EXPECT_EQ(load(folder).error().kind, ErrorKind::usage);
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace blindbox::profiles
