// SPDX-License-Identifier: Apache-2.0
#include "blindbox/scan/target.h"

#include <gmock/gmock.h>

#include <filesystem>
#include <fstream>

namespace blindbox::scan {
namespace {

using testing::HasSubstr;
using testing::Not;

const std::string kKey = std::string("AKIA") + "Z7QJ4XW2LMNRT5VB";

class Target : public testing::Test {
 protected:
  Target() {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ + "/.blindboxignore") << ".env\n";
  }
  ~Target() override { std::filesystem::remove_all(folder_); }
  ScannedTarget scan(const std::string& target, Mode mode = Mode::warn) {
    return scan_target(target, mode, Rules::built_in(), ignore_);
  }
  const std::string folder_ =
      testing::TempDir() + "scan_target_" + testing::UnitTest::GetInstance()->current_test_info()->name();
  IgnoreList ignore_{{folder_}, {}};
};

TEST_F(Target, PlainOnesPass) {
  for (const char* target :
       {"/", "/infill", "/v1/chat/completions?stream=true", "/x?path=a.py&&=&x", "/x?", "", "/%zz?%"}) {
    const auto scanned = scan(target, Mode::block);
    EXPECT_TRUE(scanned.findings.empty()) << target;
    EXPECT_FALSE(scanned.blocked) << target;
    EXPECT_FALSE(scanned.path) << target;
  }
}

TEST_F(Target, SecretsInTheQueryAreTold) {
  for (const std::string& target : {"/infill?aws_key=" + kKey, "/infill?a=b&k=%41" + kKey.substr(1) + "&c"}) {
    const auto warned = scan(target);
    ASSERT_EQ(warned.findings.size(), 1U) << target;
    EXPECT_EQ(warned.findings[0].rule, "aws-access-token");
    EXPECT_EQ(warned.findings[0].place, "the query");
    EXPECT_FALSE(warned.blocked);
    EXPECT_FALSE(warned.path);
    EXPECT_TRUE(scan(target, Mode::off).findings.empty());
    for (const Mode mode : {Mode::redact, Mode::block}) {
      const auto blocked = scan(target, mode).blocked;
      ASSERT_TRUE(blocked) << target;
      EXPECT_EQ(blocked->detail, "aws-access-token in the query");
    }
  }
}

TEST_F(Target, SecretsInThePathAreKeptFromTheLedger) {
  const auto scanned = scan("/files/" + kKey + "/x?y=1");
  ASSERT_EQ(scanned.findings.size(), 1U);
  EXPECT_EQ(scanned.findings[0].place, "the path");
  EXPECT_EQ(scanned.path, "/files/[redacted aws-access-token]/x");
  const std::string jwt = std::string("eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0") +
                          ".dozjgNryP4J3jVmNHl0w5N_XgL0n3I9PlFUP0THsR8U";
  EXPECT_EQ(scan("/of/" + jwt + "/x").path, "/of/[redacted jwt]/x") << "a token that ends with its part of the path";
}

TEST_F(Target, FilesThatMustNotLeaveAreRefusedWhateverTheMode) {
  for (const Mode mode : {Mode::warn, Mode::redact, Mode::block}) {
    const auto scanned = scan("/context?filePath=src%2F.env%3A12", mode);
    ASSERT_TRUE(scanned.blocked);
    EXPECT_THAT(scanned.blocked->detail, HasSubstr("blindboxignore in the query"));
    EXPECT_THAT(scanned.blocked->detail, Not(HasSubstr(".env")));
  }
  EXPECT_FALSE(scan("/context?note=.env").blocked);
  EXPECT_FALSE(scan("/context?path=.env", Mode::off).blocked);
}

}  // namespace
}  // namespace blindbox::scan
