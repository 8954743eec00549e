// SPDX-License-Identifier: Apache-2.0
#include "blindbox/scan/rules.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace blindbox::scan {
namespace {

// Put together here, so that this file itself holds none.
const std::string kAws = std::string("AKIA") + "Z7QJ4XW2LMNRT5VB";
const std::string kGithub = std::string("ghp_") + "a8Kd03nvLqX2mZ9pYwRt6sBc1eFgHj4uTiOo";
const std::string kPem =
    std::string("-----BEGIN RSA PRIVATE ") + "KEY-----\nMIIEpAIBAAKCAQEAx4UbaDzY5xjW6hc9jwN0mX33XpTDVW7WqQ\n" +
    "q1w2e3r4t5z6u7i8o9p0aAsSdDfFgGhHjJkKlLyYxXcCvVbBnNmM123456789\n" + "-----END RSA PRIVATE " + "KEY-----";

std::vector<std::string> rules_in(const std::string& text) {
  std::vector<std::string> out;
  for (const Secret& secret : Rules::built_in().find(text)) out.push_back(secret.rule);
  return out;
}

TEST(Rules, AllExpressionsCompile) {
  EXPECT_GT(Rules::built_in().size(), 200U);
  const auto good = Rules::built_in().check();
  EXPECT_TRUE(good) << good.error().what << ": " << good.error().detail;
}

TEST(Rules, FindTheWholeOfWhatHasNamedParts) {
  const std::string token =
      std::string("ZXlK") + "aGJHY2lPaUpJVXpJMU5pSXNJblI1Y0NJNklrcFhWQ0o5LmV5SnpkV0lpT2lJeE1qTTBOVFkzT0Rrd0lu";
  const auto found = Rules::built_in().find("auth = \"" + token + "\"\n");
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].rule, "jwt-base64");
  EXPECT_EQ(found[0].size, token.size());
}

TEST(Rules, FindSecretsWhereTheyStand) {
  const std::string text = "x = 1\ny = 2\naws = \"" + kAws + "\"\n";
  const auto found = Rules::built_in().find(text);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].rule, "aws-access-token");
  EXPECT_EQ(found[0].line, 3U);
  EXPECT_EQ(text.substr(found[0].offset, found[0].size), kAws);
}

TEST(Rules, KnowTheUsualKinds) {
  EXPECT_THAT(rules_in("token = '" + kGithub + "'"), testing::ElementsAre("github-pat"));
  EXPECT_THAT(rules_in(kPem), testing::ElementsAre("private-key"));
  EXPECT_THAT(rules_in("password = \"q9Xw-2mVt7Lk4Zp\"\n"), testing::ElementsAre("generic-api-key"));
  EXPECT_THAT(rules_in(kAws + "\n" + "t='" + kGithub + "'\n" + kAws), testing::SizeIs(3));
}

TEST(Rules, LetGoWhatIsNone) {
  for (const std::string& text : {
           std::string("def add(a, b):\n    return a + b\n"),
           std::string("password = \"${PASSWORD}\"\n"),            // a variable
           std::string("api_key = \"aaaaaaaaaaaaaaaaaaaaaa\"\n"),  // no entropy
           std::string("token = \"get_example_token_here\"\n"),    // letters alone, and stopwords
           std::string("AKIA") + "IOSFODNN7EXAMPLE",               // of the vendor's documents
           kAws + " # gitleaks:" + "allow\n",
           std::string("key = lambda pair: pair[0]\nauthor = 'someone'\n"),
           std::string(),
       }) {
    EXPECT_THAT(rules_in(text), testing::IsEmpty()) << text;
  }
}

TEST(Rules, TakeAnyBytes) {
  EXPECT_THAT(rules_in(std::string("\xff\xfe\0\x80", 4) + " " + kAws + "\xff"),
              testing::ElementsAre("aws-access-token"));
}

TEST(Rules, RefuseWhatIsNoRule) {
  EXPECT_FALSE(Rules::parse({}));
  EXPECT_FALSE(Rules::parse({"{}", "{"}));
  EXPECT_FALSE(Rules::parse({"{}", R"({"id":1})"}));
  const auto bad = Rules::parse({"{}", R"({"id":"x","regex":"(","keywords":["x"]})"});
  ASSERT_TRUE(bad);
  EXPECT_EQ(bad->check().error().kind, ErrorKind::malformed);
}

TEST(Rules, EntropyIsShannons) {
  EXPECT_EQ(shannon_entropy(""), 0);
  EXPECT_EQ(shannon_entropy("aaaa"), 0);
  EXPECT_DOUBLE_EQ(shannon_entropy("abcd"), 2);
}

}  // namespace
}  // namespace blindbox::scan
