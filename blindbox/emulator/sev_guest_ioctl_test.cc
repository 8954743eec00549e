// SPDX-License-Identifier: Apache-2.0
// The ioctls on plain memory, laid out by the kernel's own header where it has the structure.
#include "blindbox/emulator/sev_guest_ioctl.h"

#include <gtest/gtest.h>
#include <linux/sev-guest.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace blindbox::emulator {
namespace {

class FixedDevice : public Device {
 public:
  FixedDevice() {
    answer.report.assign(1184, std::byte{5});
    answer.certificates.assign(5000, std::byte{6});
  }
  Answer report(const ByteArray<64>& report_data, std::uint32_t vmpl) override {
    ++calls;
    last_data = report_data;
    last_vmpl = vmpl;
    return answer;
  }
  Answer answer;
  int calls = 0;
  ByteArray<64> last_data{};
  std::uint32_t last_vmpl = 0;
};

class SevGuestIoctl : public testing::Test {
 protected:
  SevGuestIoctl() {
    std::memset(&request_, 0, sizeof(request_));
    std::memset(&message_, 0, sizeof(message_));
    std::memset(request_.data.user_data, 9, 64);
    request_.data.vmpl = 1;
    request_.certs_address = reinterpret_cast<std::uintptr_t>(certificates_.data());
    request_.certs_len = static_cast<std::uint32_t>(certificates_.size());
    message_.msg_version = 1;
    message_.req_data = reinterpret_cast<std::uintptr_t>(&request_);
    message_.resp_data = reinterpret_cast<std::uintptr_t>(&response_);
  }
  int call(unsigned long code) {
    return sev_guest_ioctl(device_, static_cast<unsigned>(code), std::as_writable_bytes(std::span(&message_, 1)),
                           memory_);
  }
  std::uint32_t word(std::size_t offset) const {
    std::uint32_t value = 0;
    std::memcpy(&value, response_.data + offset, 4);
    return value;
  }

  FixedDevice device_;
  ProcessMemory memory_{::getpid()};
  snp_ext_report_req request_;
  snp_guest_request_ioctl message_;
  snp_report_resp response_{};
  Bytes certificates_ = Bytes(8192, std::byte{0xee});
};

TEST_F(SevGuestIoctl, AnswersAReport) {
  ASSERT_EQ(call(SNP_GET_REPORT), 0);
  EXPECT_EQ(word(0), 0U);
  EXPECT_EQ(word(4), 1184U);
  EXPECT_EQ(response_.data[32], 5);
  EXPECT_EQ(response_.data[32 + 1183], 5);
  EXPECT_EQ(response_.data[32 + 1184], 0);
  EXPECT_EQ(device_.last_vmpl, 1U);
  EXPECT_EQ(device_.last_data[63], std::byte{9});
  EXPECT_EQ(certificates_[0], std::byte{0xee}) << "not asked for";
}

TEST_F(SevGuestIoctl, AnswersAnExtendedReportPaddedWithZeros) {
  ASSERT_EQ(call(SNP_GET_EXT_REPORT), 0);
  EXPECT_EQ(word(4), 1184U);
  EXPECT_EQ(certificates_[4999], std::byte{6});
  EXPECT_EQ(certificates_[5000], std::byte{0});
  EXPECT_EQ(certificates_[8191], std::byte{0});
}

TEST_F(SevGuestIoctl, SaysHowMuchRoomCertificatesNeed) {
  for (const std::uint32_t room : {0U, 4096U}) {
    request_.certs_len = room;
    EXPECT_EQ(call(SNP_GET_EXT_REPORT), -EIO);
    EXPECT_EQ(request_.certs_len, 8192U);
    EXPECT_EQ(message_.exitinfo2, std::uint64_t{1} << 32);
  }
  request_.certs_len = 100;
  EXPECT_EQ(call(SNP_GET_EXT_REPORT), -EINVAL) << "whole pages alone";
  request_.certs_len = 0x5000;
  EXPECT_EQ(call(SNP_GET_EXT_REPORT), -EINVAL) << "more than the kernel's limit";
}

TEST_F(SevGuestIoctl, RefusesWhatTheDriverRefuses) {
  EXPECT_EQ(call(SNP_GET_DERIVED_KEY), -ENOTTY);
  EXPECT_EQ(call(TIOCGWINSZ), -ENOTTY);
  message_.msg_version = 0;
  EXPECT_EQ(call(SNP_GET_REPORT), -EINVAL);
  message_.msg_version = 1;
  message_.resp_data = 0;
  EXPECT_EQ(call(SNP_GET_REPORT), -EINVAL);
  message_.resp_data = 8;
  EXPECT_EQ(call(SNP_GET_REPORT), -EFAULT);
  message_.req_data = 8;
  EXPECT_EQ(call(SNP_GET_EXT_REPORT), -EFAULT);
}

TEST_F(SevGuestIoctl, ReservedBytesAndAHostsErrorsComeBack) {
  request_.data.rsvd[27] = 1;
  ASSERT_EQ(call(SNP_GET_REPORT), 0);
  EXPECT_EQ(word(0), 0x16U) << "INVALID_PARAM";
  EXPECT_EQ(word(4), 0U);
  request_.data.rsvd[27] = 0;
  device_.answer.vmm_error = 2;
  EXPECT_EQ(call(SNP_GET_REPORT), -EAGAIN);
  EXPECT_EQ(message_.exitinfo2, std::uint64_t{2} << 32);
}

TEST_F(SevGuestIoctl, TheOlderDeviceAnswersToo) {
  ByteArray<40> message{};
  const auto put = [&](std::size_t offset, std::uint64_t value, std::size_t width) {
    std::memcpy(message.data() + offset, &value, width);
  };
  put(0, 5, 1);
  put(1, 6, 1);
  put(2, 1, 1);
  put(4, 96, 2);
  put(8, reinterpret_cast<std::uintptr_t>(&request_), 8);
  put(16, 1280, 2);
  put(24, reinterpret_cast<std::uintptr_t>(&response_), 8);
  EXPECT_EQ(sev_ioctl_5x(device_, 0xC0285301, message, memory_), 0);
  EXPECT_EQ(word(4), 1184U);
  EXPECT_EQ(sev_ioctl_5x(device_, 0xC0205300, message, memory_), -ENOTTY);
  put(16, 1279, 2);
  EXPECT_EQ(sev_ioctl_5x(device_, 0xC0285301, message, memory_), -EINVAL);
  put(16, 1280, 2);
  put(0, 3, 1);
  EXPECT_EQ(sev_ioctl_5x(device_, 0xC0285301, message, memory_), -EINVAL) << "a key request";
}

}  // namespace
}  // namespace blindbox::emulator
