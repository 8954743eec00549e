// SPDX-License-Identifier: Apache-2.0
#include "blindbox/probe/report.h"

#include <gmock/gmock.h>

#include "blindbox/probe/inside.h"

namespace blindbox::probe {
namespace {

using ::testing::HasSubstr;

Report sample() {
  Report report;
  report.nonce.fill(std::byte{0xAB});
  report.attempts = {{"tcp.connect", "connect", Outcome::blocked, 13, "EACCES"},
                     {"bpf", "make a map", Outcome::escaped, 0, "a map was made"},
                     {"quota.memory", "use memory", Outcome::not_applicable, 0, ""}};
  return report;
}

std::string without(std::string text, const std::string& from, const std::string& to) {
  const auto at = text.find(from);
  EXPECT_NE(at, std::string::npos) << from;
  return text.replace(at, from.size(), to);
}

TEST(ProbeReport, IsItsOwnInverse) {
  const Report report = sample();
  const std::string text = encode(report);
  EXPECT_EQ(decode(text).value(), report);
  EXPECT_EQ(encode(decode(text).value()), text);
  EXPECT_EQ(report.count(Outcome::escaped), 1U);
  EXPECT_EQ(report.count(Outcome::blocked), 1U);
}

TEST(ProbeReport, KeysAreSorted) {
  EXPECT_TRUE(encode(sample()).starts_with(
      R"({"attempts":[{"detail":"EACCES","errno":13,"id":"tcp.connect","outcome":"blocked","tries":"connect"},)"));
}

TEST(ProbeReport, RefusesWhatItWouldNotHaveWritten) {
  const std::string good = encode(sample());
  const std::vector<std::string> bad = {
      "",
      "{}",
      "[]",
      good + " ",
      good.substr(0, good.size() - 1),
      without(good, "blocked", "Blocked"),
      without(good, "blindbox/probe/v1", "blindbox/probe/v2"),
      without(good, "\"errno\":13", "\"errno\":-1"),
      without(good, "\"errno\":13", "\"errno\":13.0"),
      without(good, "\"errno\":13", "\"errno\":99999"),
      without(good, "\"errno\":13", "\"errno\":\"13\""),
      without(good, "abab", "ABAB"),
      without(good, "abab", "ab"),
      without(good, "\"id\":\"bpf\"", "\"id\":\"tcp.connect\""),
      without(good, "\"id\":\"bpf\"", "\"id\":\"\""),
      without(good, "\"id\":\"bpf\"", "\"id\":\"a b\""),
      without(good, "make a map", "a\\u001b[2J"),
      without(good, "make a map", "\xC3\xA9"),
      without(good, "make a map", std::string(600, 'x')),
      without(good, "\"detail\":\"EACCES\",", ""),
      without(good, "\"detail\":\"EACCES\"", "\"detail\":\"EACCES\",\"detail\":\"EACCES\""),
      without(good, "\"detail\":\"EACCES\"", "\"detail\":[[[[[[]]]]]]"),
      without(good, "\"detail\":\"EACCES\"", "\"more\":1,\"detail\":\"EACCES\""),
      encode(Report{sample().nonce, {}}),
  };
  for (const std::string& text : bad) {
    const auto decoded = decode(text);
    ASSERT_FALSE(decoded) << text;
    EXPECT_EQ(decoded.error().kind, ErrorKind::malformed) << text;
  }
}

TEST(ProbeReport, IsCapped) {
  EXPECT_EQ(decode(std::string(kReportCap + 1, ' ')).error().kind, ErrorKind::limit);
  Report many = sample();
  for (std::size_t i = 0; i < kMostAttempts; ++i) {
    many.attempts.push_back({"x" + std::to_string(i), "x", Outcome::blocked, 1, ""});
  }
  const auto decoded = decode(encode(many));
  ASSERT_FALSE(decoded);
  EXPECT_EQ(decoded.error().kind, ErrorKind::limit);
  EXPECT_THAT(decoded.error().what, HasSubstr("512"));
}

TEST(ProbeSettings, AreTheirOwnInverse) {
  Settings settings;
  settings.nonce.fill(std::byte{3});
  settings.application_port = 8080;
  settings.writable = {{"/data", 4096}};
  settings.tcp = {{"127.0.0.1", 8443}};
  settings.udp = {{"::1", 53}};
  settings.unix_abstract = {"name"};
  settings.unix_paths = {"/run/x"};
  settings.init = 7;
  settings.outside_network = 4026531840;
  settings.quotas = {1, 2, 3, 4};
  const std::string text = encode_settings(settings);
  const auto decoded = decode_settings(text);
  ASSERT_TRUE(decoded);
  EXPECT_EQ(encode_settings(*decoded), text);
  for (const std::string& bad :
       {std::string(), std::string("{}"), text + " ", without(text, "8080", "\"8080\""), without(text, "8080", "80800"),
        without(text, "\"init\":7", "\"init\":7,\"init\":7"), without(text, "0303", "03"), std::string(100000, ' ')}) {
    EXPECT_FALSE(decode_settings(bad)) << bad;
  }
  EXPECT_NE(run_inside("{}"), 0);
}

}  // namespace
}  // namespace blindbox::probe
