// SPDX-License-Identifier: Apache-2.0
// The kernel's structures, declared here: Debian 12's header lacks the newer fields, other systems lack the header.
#pragma once

#include <sys/ioctl.h>

#include <cstddef>
#include <cstdint>

namespace blindbox::attester::internal {

// MSG_REPORT_REQ (AMD 56860 rev. 1.58, Table 22); snp_report_req.
struct ReportRequest {
  std::uint8_t report_data[64];
  std::uint32_t vmpl;
  std::uint8_t reserved[28];
};
static_assert(sizeof(ReportRequest) == 96);

// snp_ext_report_req.
struct ExtendedReportRequest {
  ReportRequest report;
  std::uint64_t certs_address;
  std::uint32_t certs_len;
};
static_assert(sizeof(ExtendedReportRequest) == 112 && offsetof(ExtendedReportRequest, certs_len) == 104);

// snp_report_resp: MSG_REPORT_RSP (Table 25) and room.
struct ReportResponse {
  std::byte data[4000];
};

// snp_guest_request_ioctl. exitinfo2: bits 31 to 0 from the firmware, bits 63 to 32 from the hypervisor.
struct GuestRequest {
  std::uint8_t msg_version;
  std::uint64_t req_data;
  std::uint64_t resp_data;
  std::uint64_t exitinfo2;
};
static_assert(sizeof(GuestRequest) == 32);

inline constexpr unsigned long kGetReport = _IOWR('S', 0x0, GuestRequest);
inline constexpr unsigned long kGetExtendedReport = _IOWR('S', 0x2, GuestRequest);
static_assert(kGetReport == 0xC0205300 && kGetExtendedReport == 0xC0205302);

inline constexpr std::uint32_t kVmmInvalidLength = 1;
inline constexpr std::uint32_t kVmmBusy = 2;
inline constexpr std::uint32_t kVmmGeneric = std::uint32_t{1} << 31;

// sev_snp_guest_request of the 5.x kernels.
struct GuestRequest5x {
  std::uint8_t req_msg_type;
  std::uint8_t rsp_msg_type;
  std::uint8_t msg_version;
  std::uint16_t request_len;
  std::uint64_t request_uaddr;
  std::uint16_t response_len;
  std::uint64_t response_uaddr;
  std::uint32_t error;
};
static_assert(sizeof(GuestRequest5x) == 40);
inline constexpr unsigned long kMessageReport5x = _IOWR('S', 0x1, GuestRequest5x);
static_assert(kMessageReport5x == 0xC0285301);
inline constexpr std::uint8_t kMsgReportReq = 5;  // Table 101
inline constexpr std::uint8_t kMsgReportRsp = 6;
inline constexpr std::size_t kResponse5xSize = 1280;

}  // namespace blindbox::attester::internal
