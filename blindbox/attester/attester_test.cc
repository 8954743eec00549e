// SPDX-License-Identifier: Apache-2.0
// What is opened and what is refused where there is no confidential guest. The rest is tests/integration's.
#include "blindbox/attester/attester.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "blindbox/attester/internal/surroundings.h"
#include "blindbox/attester/sev_guest.h"
#include "blindbox/attester/tsm.h"
#include "blindbox/base/file.h"

namespace blindbox::attester {
namespace {

using internal::Surroundings;
using testing::AllOf;
using testing::HasSubstr;
using Kind = Platform::Kind;

Surroundings nothing() { return {"/nonexistent/tsm", "/nonexistent/sev-guest", "/nonexistent/sev", ""}; }

std::string refusal(const Platform& platform, const Surroundings& around) {
  const auto opened = internal::open_attester(platform, around);
  if (opened) return "opened " + (*opened)->description();
  EXPECT_EQ(opened.error().kind, ErrorKind::platform);
  return base::to_string(opened.error());
}

TEST(OpenAttester, NamesEverythingThatItLookedFor) {
  Surroundings around = nothing();
  around.azure = "/nonexistent/uvm";
  EXPECT_THAT(refusal({}, around),
              AllOf(HasSubstr("/nonexistent/tsm"), HasSubstr("/nonexistent/sev-guest"), HasSubstr("/nonexistent/sev "),
                    HasSubstr("UVM_SECURITY_CONTEXT_DIR is /nonexistent/uvm"), HasSubstr("blindbox emulator"),
                    HasSubstr("--platform emulator:DIR")));
  EXPECT_THAT(refusal({}, nothing()), HasSubstr("UVM_SECURITY_CONTEXT_DIR is not set"));
}

TEST(OpenAttester, AnExplicitChoiceThatIsAbsentIsAnError) {
  EXPECT_THAT(refusal({Kind::sev_guest, ""}, nothing()), HasSubstr("/nonexistent/sev-guest is not a device"));
  EXPECT_THAT(refusal({Kind::tsm, ""}, nothing()), HasSubstr("/nonexistent/tsm is not in configfs"));
  EXPECT_THAT(refusal({Kind::azure, ""}, nothing()), HasSubstr("UVM_SECURITY_CONTEXT_DIR is not set"));
  EXPECT_THAT(refusal({Kind::azure, "/tmp"}, nothing()), HasSubstr("/nonexistent/sev-guest is not a device"));
  EXPECT_THAT(refusal({Kind::emulator, "/nonexistent"}, nothing()), HasSubstr("no emulator at /nonexistent"));
}

TEST(OpenAttester, PlainFilesPassForNoPlatform) {
  const std::string folder = std::filesystem::temp_directory_path() / ("blindbox-plain-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder + "/tsm/report");
  ASSERT_TRUE(base::write_file(folder + "/sev-guest", {}));
  Surroundings around{folder + "/tsm/report", folder + "/sev-guest", folder + "/sev-guest", ""};
  EXPECT_THAT(refusal({}, around), HasSubstr("no attestation interface was found"));
  EXPECT_THAT(refusal({Kind::sev_guest, folder + "/sev-guest"}, around), HasSubstr("is not a device"));
  EXPECT_THAT(refusal({Kind::tsm, folder + "/tsm/report"}, around), HasSubstr("is not in configfs"));
  for (const char* notice : {"", "{}", "[]", "{\"emulated\":false}", "{\"emulated\":\"true\"}"}) {
    ASSERT_TRUE(base::write_file(folder + "/emulator.json", base::view(notice)));
    EXPECT_THAT(refusal({Kind::emulator, folder}, around), HasSubstr("does not say that this is an emulator"));
  }
  std::filesystem::remove_all(folder);
}

// A device that knows no such request, as any other character device.
TEST(OpenAttester, AnotherDeviceRefusesToAttest) {
  for (const auto abi : {SevGuest::Abi::sev_guest, SevGuest::Abi::sev_5x}) {
    const auto device = SevGuest::open("/dev/null", abi, "null");
    ASSERT_TRUE(device);
    const auto evidence = (*device)->attest({});
    ASSERT_FALSE(evidence);
    EXPECT_EQ(evidence.error().kind, ErrorKind::platform);
    EXPECT_THAT(evidence.error().what, HasSubstr("null refuses to attest"));
  }
  EXPECT_THAT(SevGuest::open("/nonexistent", SevGuest::Abi::sev_guest, "").error().what, HasSubstr("cannot open"));
}

TEST(OpenAttester, AFolderThatDoesNotFillItselfIsNoTsm) {
  const std::string folder = std::filesystem::temp_directory_path() / ("blindbox-tsm-" + std::to_string(::getpid()));
  std::filesystem::create_directories(folder);
  const auto tsm = Tsm::open(folder, "plain");
  ASSERT_FALSE(tsm);
  EXPECT_EQ(tsm.error().kind, ErrorKind::platform);
  EXPECT_TRUE(std::filesystem::is_empty(folder)) << "its instance is removed again";
  std::filesystem::remove_all(folder);
}

}  // namespace
}  // namespace blindbox::attester
