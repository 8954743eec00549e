// SPDX-License-Identifier: Apache-2.0
#include "blindbox/emulator/tsm_folder.h"

#include <gtest/gtest.h>

#include <cerrno>

namespace blindbox::emulator {
namespace {

// Answers with the report data and a count, and does what a test tells it to.
class EchoDevice : public Device {
 public:
  Answer report(const ByteArray<64>& report_data, std::uint32_t vmpl) override {
    ++calls;
    last_vmpl = vmpl;
    Answer answer = next;
    answer.report.assign(report_data.begin(), report_data.end());
    return answer;
  }
  Answer next;
  int calls = 0;
  std::uint32_t last_vmpl = 99;
};

Bytes bytes(std::size_t length, unsigned value = 1) { return Bytes(length, static_cast<std::byte>(value)); }

class Tsm : public testing::Test {
 protected:
  Tsm() { EXPECT_EQ(folder.make("a"), 0); }
  std::string text(std::string_view attribute) {
    Bytes out;
    EXPECT_EQ(folder.read("a", attribute, out), 0);
    return std::string(base::as_text(out));
  }
  int read(std::string_view attribute) {
    Bytes out;
    return folder.read("a", attribute, out);
  }
  EchoDevice device;
  TsmFolder folder{device};
};

TEST_F(Tsm, InstancesAreMadeAndRemovedOnce) {
  EXPECT_EQ(folder.make("a"), -EEXIST);
  EXPECT_EQ(folder.make("b"), 0);
  EXPECT_EQ(folder.names(), (std::vector<std::string>{"a", "b"}));
  EXPECT_EQ(folder.remove("a"), 0);
  EXPECT_EQ(folder.remove("a"), -ENOENT);
  EXPECT_EQ(folder.write("a", "inblob", bytes(64)), -ENOENT);
  Bytes out;
  EXPECT_EQ(folder.read("a", "outblob", out), -ENOENT);
}

TEST_F(Tsm, RefusesWhatTheKernelRefuses) {
  EXPECT_EQ(read("outblob"), -EINVAL) << "no inblob yet";
  EXPECT_EQ(read("auxblob"), -EINVAL);
  EXPECT_EQ(folder.write("a", "inblob", bytes(65)), -EFBIG);
  EXPECT_EQ(folder.write("a", "inblob", bytes(63)), 0);
  EXPECT_EQ(read("outblob"), -EINVAL) << "the processor wants 64";
  EXPECT_EQ(read("inblob"), -EACCES);
  EXPECT_EQ(folder.write("a", "outblob", bytes(1)), -EACCES);
  for (const char* bad : {"4", "-1", "x", "", "0 "}) {
    EXPECT_EQ(folder.write("a", "privlevel", base::view(bad)), -EINVAL) << bad;
  }
  EXPECT_EQ(device.calls, 0);
}

TEST_F(Tsm, AsksTheDeviceOncePerInblob) {
  ASSERT_EQ(folder.write("a", "inblob", bytes(64, 7)), 0);
  ASSERT_EQ(folder.write("a", "privlevel", base::view("2\n")), 0);
  Bytes out;
  for (int i = 0; i < 3; ++i) ASSERT_EQ(folder.read("a", "outblob", out), 0);
  ASSERT_EQ(read("auxblob"), 0);
  EXPECT_EQ(out, bytes(64, 7));
  EXPECT_EQ(device.calls, 1);
  EXPECT_EQ(device.last_vmpl, 2U);
  ASSERT_EQ(folder.write("a", "inblob", bytes(64, 8)), 0);
  ASSERT_EQ(folder.read("a", "outblob", out), 0);
  EXPECT_EQ(out, bytes(64, 8));
  EXPECT_EQ(device.calls, 2);
}

TEST_F(Tsm, GenerationCountsWrites) {
  EXPECT_EQ(text("generation"), "0\n");
  ASSERT_EQ(folder.write("a", "inblob", bytes(64)), 0);
  EXPECT_EQ(text("generation"), "1\n");
  ASSERT_EQ(folder.write("a", "privlevel", base::view("1")), 0);
  EXPECT_EQ(text("generation"), "2\n");
  EXPECT_EQ(read("outblob"), 0);
  EXPECT_EQ(text("generation"), "2\n");
  EXPECT_EQ(text("provider"), "sev_guest\n");
  EXPECT_EQ(text("privlevel_floor"), "0\n");
}

TEST_F(Tsm, AFailedCallLeavesNoReportBehind) {
  ASSERT_EQ(folder.write("a", "inblob", bytes(64)), 0);
  device.next.status = 0x16;
  EXPECT_EQ(read("outblob"), -ENXIO);
  device.next = {};
  device.next.vmm_error = 1;
  EXPECT_EQ(read("outblob"), -EIO);
  device.next = {};
  EXPECT_EQ(read("outblob"), 0);
  EXPECT_EQ(device.calls, 3);
}

}  // namespace
}  // namespace blindbox::emulator
