// SPDX-License-Identifier: Apache-2.0
// What needs no kernel: tiers from steps, users from files, the closed environment.
#include <gmock/gmock.h>

#include <filesystem>

#include "blindbox/base/file.h"
#include "blindbox/sandbox/environment.h"
#include "blindbox/sandbox/steps.h"
#include "blindbox/sandbox/user.h"

namespace blindbox::sandbox {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<Step> all_granted() {
  std::vector<Step> steps;
  for (const auto name : {step::kControlGroups,    step::kUserNamespace,
                          step::kNetworkNamespace, step::kMountNamespace,
                          step::kIpcNamespace,     step::kUtsNamespace,
                          step::kPidNamespace,     step::kRoot,
                          step::kDevices,          step::kProc,
                          step::kWritable,         step::kPort,
                          step::kLimits,           step::kIdentity,
                          step::kCapabilities,     step::kNoNewPrivileges,
                          step::kLandlock,         step::kLandlockNetwork,
                          step::kLandlockScopes,   step::kSeccomp}) {
    steps.push_back({std::string(name), Outcome::granted, ""});
  }
  return steps;
}

std::optional<Tier> without(const std::vector<std::string_view>& names) {
  auto steps = all_granted();
  for (Step& step : steps) {
    for (const auto name : names) {
      if (step.name == name) step.outcome = Outcome::denied;
    }
  }
  return tier_of(steps);
}

TEST(TierOf, EveryStepCounts) {
  EXPECT_EQ(without({}), Tier::confined);
  EXPECT_EQ(tier_of({}), std::nullopt);
  for (const auto name : {step::kControlGroups, step::kRoot, step::kDevices, step::kProc})
    EXPECT_EQ(without({name}), Tier::namespaces) << name;
  for (const auto name : {step::kNetworkNamespace, step::kMountNamespace, step::kIpcNamespace, step::kUtsNamespace,
                          step::kPidNamespace, step::kWritable})
    EXPECT_EQ(without({name}), Tier::filtered) << name;
  for (const auto name : {step::kCapabilities, step::kNoNewPrivileges, step::kSeccomp, step::kPort})
    EXPECT_EQ(without({name}), std::nullopt) << name;
}

TEST(TierOf, LandlockOrARootOfItsOwn) {
  EXPECT_EQ(without({step::kLandlock}), Tier::confined);
  EXPECT_EQ(without({step::kLandlock, step::kRoot}), std::nullopt);
  EXPECT_EQ(without({step::kLandlock, step::kDevices}), std::nullopt);
  EXPECT_THAT(missing_for({{"seccomp", Outcome::denied, "seccomp_load: invalid argument"}}, Tier::filtered),
              HasSubstr("seccomp: seccomp_load: invalid argument"));
}

TEST(PostureJson, IsOneLine) {
  const Posture posture{Tier::filtered, {{"seccomp", Outcome::denied, "a \"b\"\nc"}}};
  EXPECT_EQ(to_json(posture),
            R"({"tier":"filtered","steps":[{"name":"seccomp","outcome":"denied","detail":"a \"b\"\nc"}]})");
}

class Users : public ::testing::Test {
 protected:
  Users() : root_(::testing::TempDir() + "sandbox-users-" + std::to_string(::getpid())) {
    std::filesystem::create_directories(root_ + "/etc");
    (void)base::write_file(
        root_ + "/etc/passwd",
        base::view("root:x:0:0::/root:/bin/sh\nweb:x:1000:100::/www:/bin/sh\nbad:x:y:1::/:/x\nshort\n"));
    (void)base::write_file(root_ + "/etc/group", base::view("users:x:100:\nmore:x:7:web,other\nless:x:8:other\n"));
  }
  ~Users() override { std::filesystem::remove_all(root_); }
  std::string root_;
};

TEST_F(Users, AreWhoTheImageSays) {
  const auto web = resolve_user("web", root_);
  ASSERT_TRUE(web.has_value());
  EXPECT_EQ(web->uid, 1000U);
  EXPECT_EQ(web->gid, 100U);
  EXPECT_THAT(web->groups, ElementsAre(7U));
  EXPECT_EQ(web->home, "/www");
  EXPECT_EQ(resolve_user("1000", root_)->gid, 100U);
  EXPECT_EQ(resolve_user("", root_)->home, "/root");
  EXPECT_EQ(resolve_user("web:more", root_)->gid, 7U);
  EXPECT_THAT(resolve_user("web:more", root_)->groups, ElementsAre());
  EXPECT_EQ(resolve_user("4000:5000", root_)->gid, 5000U);
  EXPECT_EQ(resolve_user("4000", root_)->gid, 0U);
}

TEST_F(Users, ThatAreNoneAreSaid) {
  for (const char* const text :
       {"absent", "web:absent", "bad", "4294967295", "2147483647", "-1", "1x", "web:-1", "a:b:c"}) {
    const auto user = resolve_user(text, root_);
    ASSERT_FALSE(user.has_value()) << text;
    EXPECT_EQ(user.error().kind, ErrorKind::usage);
  }
  EXPECT_TRUE(resolve_user("12", root_ + "/absent").has_value()) << "numbers need no files";
}

TEST(ClosedEnvironment, HoldsWhatIsListedAlone) {
  EXPECT_THAT(
      closed_environment({"A=1", "PATH=/bin", "=x", "noequals"}, {"B", "C"}, {"B=2", "BB=3", "SECRET=4"}, "/home", 0),
      ElementsAre("A=1", "PATH=/bin", "B=2", "HOME=/home"));
  EXPECT_THAT(closed_environment({"A=1"}, {"A"}, {"A=2"}, "/", 0), ::testing::Contains("A=2"));
  const auto proxied =
      closed_environment({"HTTPS_PROXY=http://evil"}, {"http_proxy"}, {"http_proxy=http://evil"}, "/", 3128);
  EXPECT_THAT(proxied, ::testing::IsSupersetOf({"HTTPS_PROXY=http://127.0.0.1:3128", "http_proxy=http://127.0.0.1:3128",
                                                "NO_PROXY=localhost,127.0.0.1,::1"}));
}

}  // namespace
}  // namespace blindbox::sandbox
