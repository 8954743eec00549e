// SPDX-License-Identifier: Apache-2.0
#include "blindbox/attester/platform.h"

#include <gtest/gtest.h>

#include <tuple>

namespace blindbox::attester {
namespace {

TEST(Platform, ReadsWhatAUserNames) {
  using Kind = Platform::Kind;
  for (const auto& [text, kind, path] : {std::tuple{"auto", Kind::automatic, ""},
                                         {"sev-guest", Kind::sev_guest, ""},
                                         {"sev-guest:/dev/x", Kind::sev_guest, "/dev/x"},
                                         {"tsm", Kind::tsm, ""},
                                         {"tsm:/a:b", Kind::tsm, "/a:b"},
                                         {"azure", Kind::azure, ""},
                                         {"azure:rel/dir", Kind::azure, "rel/dir"},
                                         {"emulator:/run/e", Kind::emulator, "/run/e"},
                                         {"emulator-ioctl:/run/e", Kind::emulator_ioctl, "/run/e"}}) {
    const auto platform = parse_platform(text);
    ASSERT_TRUE(platform) << text;
    EXPECT_EQ(platform->kind, kind) << text;
    EXPECT_EQ(platform->path, path) << text;
  }
}

TEST(Platform, RefusesTheRestAndSaysWhatThereIs) {
  for (const std::string text : {"", ":", "Auto", "auto:", "auto:/x", "emulator", "emulator:", "emulator-ioctl",
                                 "tsm:", "sev-guest:", "sev", "tdx", " tsm"}) {
    const auto platform = parse_platform(text);
    ASSERT_FALSE(platform) << text;
    EXPECT_EQ(platform.error().kind, ErrorKind::usage);
    EXPECT_NE(platform.error().hint.find("emulator:DIR"), std::string::npos);
  }
  EXPECT_FALSE(parse_platform(std::string_view("tsm:/a\0b", 8)));
  EXPECT_LT(parse_platform(std::string(100000, 'x')).error().what.size(), 200U);
}

}  // namespace
}  // namespace blindbox::attester
