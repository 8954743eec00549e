// SPDX-License-Identifier: Apache-2.0
#include "blindbox/evidence/manifest.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace blindbox::evidence {
namespace {

using testing::HasSubstr;

ServiceManifest sample() {
  ServiceManifest manifest;
  manifest.isolation.posture = "none";
  manifest.model = {.id = "santa", .sha256 = {}, .tokenizer_sha256 = {}};
  manifest.model.sha256.fill(std::byte{0xAB});
  manifest.padding = {.record_block = 512, .policy = "record-block"};
  manifest.software.version = "0.1.0";
  return manifest;
}

std::string digest(char c) { return std::string(64, c); }

std::string known_answer() {
  std::string ab;
  for (int i = 0; i < 32; ++i) ab += "ab";
  return R"({"isolation":{"policy_sha256":")" + digest('0') +
         R"(","posture":"none"},"model":{"id":"santa","sha256":")" + ab + R"(","tokenizer_sha256":")" + digest('0') +
         R"("},"padding":{"policy":"record-block","record_block":512},"schema":"blindbox/manifest/v1",)" +
         R"("software":{"name":"blindbox","version":"0.1.0"}})";
}

std::string problem(const std::string& json) {
  const auto manifest = decode_manifest(base::view(json));
  if (manifest) return "accepted";
  EXPECT_EQ(manifest.error().kind, ErrorKind::malformed);
  return manifest.error().what + ": " + manifest.error().detail;
}

std::string replaced(const std::string& from, const std::string& to) {
  std::string text = known_answer();
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(Manifest, KnownAnswer) { EXPECT_EQ(encode_manifest(sample()), known_answer()); }

TEST(Manifest, ReadsBackAsTheSame) {
  ServiceManifest odd = sample();
  odd.model.id = "quote \" backslash \\ newline \n \x01 é 😀 / \x7f";
  odd.padding.record_block = 4294967295U;
  for (const ServiceManifest& manifest : {sample(), odd}) {
    const auto again = decode_manifest(base::view(encode_manifest(manifest)));
    ASSERT_TRUE(again) << again.error().what;
    EXPECT_EQ(*again, manifest);
  }
}

// RFC 8785 section 3.2.2.2.
TEST(Manifest, EscapesAsRfc8785Wants) {
  ServiceManifest manifest = sample();
  manifest.model.id = "\b\t\n\f\r\"\\\x0f/\u20ac";
  EXPECT_THAT(encode_manifest(manifest), HasSubstr(R"("id":"\b\t\n\f\r\"\\\u000f/€")"));
}

TEST(Manifest, RefusesWhatIsNotCanonical) {
  EXPECT_THAT(problem(replaced(R"({"iso)", R"({ "iso)")), HasSubstr("not canonical"));
  EXPECT_THAT(problem(replaced("abab", "ABab")), HasSubstr("not canonical"));
  EXPECT_THAT(problem(replaced("santa", "\\u0073anta")), HasSubstr("not canonical"));
  EXPECT_THAT(problem(replaced(R"("posture":"none")", R"("posture":"none","x":1)")), HasSubstr("not canonical"));
  EXPECT_THAT(problem(replaced(R"("posture":"none")", R"("posture":"none","posture":"none")")),
              HasSubstr("not canonical"));
  EXPECT_THAT(problem(replaced(R"({"iso)", R"({"a":1,"iso)")), HasSubstr("not canonical"));
  EXPECT_THAT(problem(known_answer() + "\n"), HasSubstr("not canonical"));
}

TEST(Manifest, RefusesWrongMembers) {
  EXPECT_THAT(problem(""), HasSubstr("not a JSON object"));
  EXPECT_THAT(problem("[]"), HasSubstr("not a JSON object"));
  EXPECT_THAT(problem("{}"), HasSubstr("unknown schema"));
  EXPECT_THAT(problem(replaced("manifest/v1", "manifest/v2")), HasSubstr("unknown schema"));
  EXPECT_THAT(problem(replaced("512", "512.0")), HasSubstr("record_block"));
  EXPECT_THAT(problem(replaced("512", "-1")), HasSubstr("record_block"));
  EXPECT_THAT(problem(replaced("512", "4294967296")), HasSubstr("record_block"));
  EXPECT_THAT(problem(replaced("abab", "ab")), HasSubstr("sha256 is no SHA-256"));
  EXPECT_THAT(problem(replaced(R"("none")", "null")), HasSubstr("posture"));
  EXPECT_THAT(problem(replaced(R"({"name":"blindbox","version":"0.1.0"})", "[]")), HasSubstr("software"));
  EXPECT_THAT(problem(replaced("santa", "\xC3")), HasSubstr("not a JSON object"));
}

TEST(Manifest, IsRefusedOverTheCap) {
  EXPECT_THAT(problem(std::string(kManifestCap + 1, '[')), HasSubstr("larger than 65536"));
  EXPECT_THAT(problem(std::string(kManifestCap, '[')), HasSubstr("not a JSON object"));
}

}  // namespace
}  // namespace blindbox::evidence
