// SPDX-License-Identifier: Apache-2.0
#include "blindbox/scan/body.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <nlohmann/json.hpp>

namespace blindbox::scan {
namespace {

using nlohmann::json;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

const std::string kSecret = std::string("AKIA") + "Z7QJ4XW2LMNRT5VB";

class Body : public ::testing::Test {
 protected:
  Body() {
    std::filesystem::create_directories(folder_);
    std::ofstream(folder_ / kIgnoreFile) << "*.pem\nsecrets/\n!secrets.md\n";
    ignore_ = std::make_unique<IgnoreList>(std::vector{folder_.string()}, std::vector<std::string>{});
  }
  ~Body() override { std::filesystem::remove_all(folder_); }
  Scanned scan(const std::string& body, Mode mode, const std::string& coding = "") {
    return scan_body(body, coding, mode, Rules::built_in(), *ignore_);
  }
  const std::filesystem::path folder_ =
      std::filesystem::path(testing::TempDir()) /
      ("scan_body_" + std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
  std::unique_ptr<IgnoreList> ignore_;
};

const std::string& body_with_secret() {
  static const std::string body = R"({"input_prefix":"a = 1\nkey = \")" + kSecret +
                                  R"(\"\n","seed":18446744073709551615,"temperature":0.10,"stop":[]})";
  return body;
}

TEST_F(Body, WithoutSecretsStaysAsItIs) {
  for (const Mode mode : {Mode::off, Mode::warn, Mode::redact, Mode::block}) {
    const auto scanned = scan(R"({"input_prefix":"def add(a, b):","n_predict":8})", mode);
    EXPECT_TRUE(scanned.findings.empty() && !scanned.body && !scanned.blocked);
  }
}

TEST_F(Body, WarnTellsAndChangesNothing) {
  const auto scanned = scan(body_with_secret(), Mode::warn);
  ASSERT_EQ(scanned.findings.size(), 1U);
  EXPECT_EQ(scanned.findings[0].rule, "aws-access-token");
  EXPECT_EQ(scanned.findings[0].line, 2U);
  EXPECT_EQ(scanned.findings[0].place, "input_prefix");
  EXPECT_FALSE(scanned.body || scanned.blocked);
  EXPECT_EQ(summary(scanned.findings, Mode::warn), "warn; aws-access-token:2");
  EXPECT_EQ(summary({}, Mode::warn), "");
}

TEST_F(Body, RedactKeepsJsonAndEverythingElse) {
  const auto scanned = scan(body_with_secret(), Mode::redact);
  ASSERT_TRUE(scanned.body);
  EXPECT_THAT(*scanned.body, Not(HasSubstr(kSecret)));
  const json after = json::parse(*scanned.body);
  EXPECT_EQ(after["input_prefix"], "a = 1\nkey = \"[redacted aws-access-token]\"\n");
  EXPECT_EQ(after["seed"], 18446744073709551615ULL);
  EXPECT_EQ(after["temperature"], 0.10);
  EXPECT_FALSE(scanned.blocked);
}

TEST_F(Body, BlockSaysWhereAndNotWhat) {
  const auto scanned = scan(body_with_secret(), Mode::block);
  ASSERT_TRUE(scanned.blocked);
  EXPECT_EQ(scanned.blocked->kind, ErrorKind::forbidden);
  EXPECT_THAT(scanned.blocked->detail, HasSubstr("aws-access-token in line 2 of input_prefix"));
  EXPECT_THAT(scanned.blocked->detail, Not(HasSubstr(kSecret)));
}

TEST_F(Body, EveryStringIsLookedAt) {
  for (const std::string& body : std::initializer_list<std::string>{
           R"({"a":{"b":[{"c":"x )" + kSecret + R"("}]}})",
           R"({"x )" + kSecret + R"(":1})",                            // a name
           R"({"prompt":")" + kSecret + R"( ","prompt":"harmless"})",  // the first of two
           std::string(R"(["AKIA\u005a7QJ4XW2LMNRT5VB"])"),            // behind an escape
           "\"" + kSecret + "\"",
           "\xEF\xBB\xBF[\"AKIA\\u005a7QJ4XW2LMNRT5VB\"]",  // behind a byte order mark
           "key: " + kSecret + "\n",                        // no JSON
       }) {
    EXPECT_EQ(scan(body, Mode::warn).findings.size(), 1U) << body;
    EXPECT_TRUE(scan(body, Mode::block).blocked) << body;
    const auto redacted = scan(body, Mode::redact);
    ASSERT_TRUE(redacted.body) << body;
    EXPECT_TRUE(scan(*redacted.body, Mode::block).findings.empty()) << *redacted.body;
  }
}

TEST_F(Body, BrokenJsonHidesNoFile) {
  for (const std::string& body : std::initializer_list<std::string>{
           R"({"filename":"key.pem","text":"\xff"})", R"({"filename":"key.pem"} x)", "{\"a\": " + kSecret + " }",
           "\xEF\xBB\xBF{\"filename\":\"key.pem\"", "{\"a\":\"\xff\"}"}) {
    EXPECT_EQ(scan(body, Mode::warn).findings.at(0).rule, kUnreadableRule) << body;
    EXPECT_TRUE(scan(body, Mode::redact).blocked) << body;
    EXPECT_TRUE(scan(body, Mode::block).blocked) << body;
  }
  EXPECT_TRUE(scan("\xEF\xBB\xBF{\"filename\":\"key.pem\"}", Mode::warn).blocked);
}

// The server takes half a character, so what stands beside it is looked at.
TEST_F(Body, HalfACharacterHidesNothing) {
  const std::string body = R"({"a":"\ud83d","input_prefix":"key = \u0041)" + kSecret.substr(1) + R"("})";
  const auto told = scan(body, Mode::warn);
  ASSERT_EQ(told.findings.size(), 1U);
  EXPECT_EQ(told.findings[0].rule, "aws-access-token");
  EXPECT_TRUE(scan(body, Mode::block).blocked);
  const auto redacted = scan(body, Mode::redact);
  ASSERT_TRUE(redacted.body);
  EXPECT_THAT(*redacted.body, Not(HasSubstr(kSecret.substr(1))));
  EXPECT_EQ(json::parse(*redacted.body)["a"], "\uFFFD");
  EXPECT_FALSE(scan(R"({"a":"\ud83d"})", Mode::block).blocked);
}

TEST_F(Body, MembersThatNameFilesAreWrittenInManyWays) {
  for (const char* name : {"filename", "fileName", "filePath", "file_path", "relativePath", "Path", "URI"}) {
    const json body = {{"extra", {{{name, "key.pem"}, {"text", "1"}}}}};
    EXPECT_EQ(scan(body.dump(), Mode::warn).body, R"({"extra":[]})") << name;
  }
}

TEST_F(Body, DepthIsBounded) {
  const std::string deep = std::string(100'000, '[') + "\"" + kSecret + "\"";
  EXPECT_TRUE(scan(deep, Mode::block).blocked) << "read as plain text";
}

TEST_F(Body, ACodedBodyIsNoWayAround) {
  EXPECT_FALSE(scan("\x1f\x8b", Mode::warn, "gzip").blocked);
  EXPECT_EQ(scan("\x1f\x8b", Mode::warn, "gzip").findings[0].rule, kUnreadableRule);
  EXPECT_TRUE(scan("\x1f\x8b", Mode::redact, "gzip").blocked);
  EXPECT_TRUE(scan("\x1f\x8b", Mode::block, "gzip").blocked);
}

TEST_F(Body, IgnoredNeighboursAreTakenOut) {
  const std::string body =
      R"({"input_prefix":"x","input_extra":[{"filename":"a.py","text":"1"},{"text":"2","filename":"key.pem"},)"
      R"({"filename":"secrets/b.py","text":"3"},{"filename":"secrets.md","text":"4"}]})";
  for (const Mode mode : {Mode::warn, Mode::redact}) {
    const auto scanned = scan(body, mode);
    ASSERT_TRUE(scanned.body);
    EXPECT_EQ(
        *scanned.body,
        R"({"input_prefix":"x","input_extra":[{"filename":"a.py","text":"1"},{"filename":"secrets.md","text":"4"}]})");
    EXPECT_EQ(scanned.findings.size(), 2U);
    EXPECT_EQ(scanned.findings[0].rule, kIgnoredRule);
    EXPECT_EQ(scanned.findings[0].place, "input_extra/1/filename");
  }
  EXPECT_TRUE(scan(body, Mode::block).blocked);
  EXPECT_TRUE(scan(body, Mode::off).findings.empty());
}

TEST_F(Body, TheFileItselfIsRefused) {
  const std::string tabby = R"({"language":"python","segments":{"prefix":"x","filepath":"secrets/b.py"}})";
  for (const Mode mode : {Mode::warn, Mode::redact, Mode::block}) EXPECT_TRUE(scan(tabby, mode).blocked);
  EXPECT_FALSE(scan(R"({"segments":{"prefix":"x","filepath":"open/b.py"}})", Mode::block).blocked);
}

TEST_F(Body, ModesHaveNames) {
  for (const Mode mode : {Mode::off, Mode::warn, Mode::redact, Mode::block})
    EXPECT_EQ(parse_mode(mode_name(mode)), mode);
  EXPECT_FALSE(parse_mode("WARN"));
}

}  // namespace
}  // namespace blindbox::scan
