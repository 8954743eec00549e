// SPDX-License-Identifier: Apache-2.0
#include "blindbox/attester/sev_guest.h"

#include <fcntl.h>
#include <sys/ioctl.h>

#include <cerrno>
#include <cstring>
#include <thread>

#include "blindbox/attester/internal/answer.h"
#include "blindbox/attester/internal/sev_guest_abi.h"
#include "blindbox/base/reader.h"
#include "blindbox/evidence/sev_snp/certificate_table.h"

namespace blindbox::attester {
namespace {

using internal::ExtendedReportRequest;
using internal::GuestRequest;
using internal::GuestRequest5x;
using internal::ReportRequest;
using internal::ReportResponse;

std::uint64_t address(const void* pointer) { return reinterpret_cast<std::uintptr_t>(pointer); }

// At VMPL 0: what the verifier expects, and what a guest without a paravisor runs at.
ReportRequest request_for(const ByteArray<64>& report_data) {
  ReportRequest request{};
  std::memcpy(request.report_data, report_data.data(), report_data.size());
  return request;
}

}  // namespace

Result<std::unique_ptr<Attester>> SevGuest::open(const std::string& path, Abi abi, std::string description,
                                                 Patience patience) {
  base::Fd device(::open(path.c_str(), O_RDWR | O_CLOEXEC | O_NOCTTY));
  if (!device) {
    return base::fail(ErrorKind::platform, "cannot open " + path + ": " + std::strerror(errno), {},
                      errno == EACCES ? "the process needs read and write access to the device" : "");
  }
  return std::unique_ptr<Attester>(new SevGuest(std::move(device), abi, std::move(description), patience));
}

Result<evidence::Evidence> SevGuest::attest(const ByteArray<64>& report_data) {
  return abi_ == Abi::sev_5x ? attest_5x(report_data) : attest_with_certificates(report_data);
}

SevGuest::Outcome SevGuest::call(unsigned long code, void* request, void* response) {
  auto wait = patience_.first_wait;
  Outcome outcome;
  for (int attempt = 1;; ++attempt) {
    GuestRequest message{};
    message.msg_version = 1;
    message.req_data = address(request);
    message.resp_data = address(response);
    const int rc = ::ioctl(device_.get(), code, &message);
    // A kernel that reports success and an error at once has no report to show.
    outcome = {rc != 0                  ? errno
               : message.exitinfo2 != 0 ? EIO
                                        : 0,
               static_cast<std::uint32_t>(message.exitinfo2), static_cast<std::uint32_t>(message.exitinfo2 >> 32)};
    const bool again = outcome.error != 0 && (outcome.vmm == internal::kVmmBusy || outcome.error == EINTR);
    if (!again || attempt >= patience_.tries) return outcome;
    std::this_thread::sleep_for(wait);
    wait *= 2;
  }
}

// SNP_GET_EXT_REPORT brings the certificates with the same one call to the processor. The kernel cannot use a key
// again after most failures, so the request offers all the room that it allows in the first place.
Result<evidence::Evidence> SevGuest::attest_with_certificates(const ByteArray<64>& report_data) {
  Bytes certificates(16 * 1024);
  ReportResponse response{};
  Outcome outcome;
  for (int attempt = 0; attempt < 2; ++attempt) {
    ExtendedReportRequest request{request_for(report_data), address(certificates.data()),
                                  static_cast<std::uint32_t>(certificates.size())};
    outcome = call(internal::kGetExtendedReport, &request, &response);
    if (outcome.error == 0) return finish(response.data, report_data, certificates);
    if (outcome.vmm != internal::kVmmInvalidLength) break;
    if (request.certs_len <= certificates.size() || request.certs_len > evidence::sev_snp::kCertificateTableCap) {
      return base::fail(ErrorKind::platform, "the host asks for an absurd amount of room for certificates",
                        std::to_string(request.certs_len) + " bytes");
    }
    certificates.assign(request.certs_len, std::byte{0});
  }
  // A driver that does not know the request, or a host that offers none: the only case without certificates.
  if (outcome.error == ENOTTY || outcome.vmm == internal::kVmmGeneric) {
    ReportRequest request = request_for(report_data);
    outcome = call(internal::kGetReport, &request, &response);
    if (outcome.error == 0) return finish(response.data, report_data, {});
  }
  return failure(outcome);
}

Result<evidence::Evidence> SevGuest::attest_5x(const ByteArray<64>& report_data) {
  const ReportRequest request = request_for(report_data);
  ByteArray<internal::kResponse5xSize> response{};
  GuestRequest5x message{};
  message.req_msg_type = internal::kMsgReportReq;
  message.rsp_msg_type = internal::kMsgReportRsp;
  message.msg_version = 1;
  message.request_len = sizeof(request);
  message.request_uaddr = address(&request);
  message.response_len = static_cast<std::uint16_t>(response.size());
  message.response_uaddr = address(response.data());
  if (::ioctl(device_.get(), internal::kMessageReport5x, &message) != 0) return failure({errno, message.error, 0});
  if (message.error != 0) return failure({EIO, message.error, 0});
  return finish(response, report_data, {});
}

tl::unexpected<Error> SevGuest::failure(const Outcome& outcome) const {
  std::string hint;
  if (outcome.vmm == internal::kVmmBusy) hint = "the host throttles attestation; try again later";
  if (outcome.error == EPERM || outcome.error == EFAULT) hint = "an emulated device must be able to read this process";
  return base::fail(
      ErrorKind::platform, description_ + " refuses to attest: " + std::strerror(outcome.error),
      "firmware error " + std::to_string(outcome.firmware) + ", hypervisor error " + std::to_string(outcome.vmm),
      std::move(hint));
}

// MSG_REPORT_RSP (AMD 56860 rev. 1.58, Table 25): status, size, 24 reserved bytes, the report.
Result<evidence::Evidence> SevGuest::finish(ByteView response, const ByteArray<64>& report_data, ByteView table) const {
  base::Reader reader(response);
  const std::uint32_t status = reader.u32le();
  const std::uint32_t size = reader.u32le();
  (void)reader.take(24);
  if (status != 0) {
    return base::fail(ErrorKind::platform, description_ + " refuses to attest",
                      "MSG_REPORT_RSP status " + std::to_string(status));
  }
  const ByteView report = reader.take(size);
  if (!reader.ok()) return base::fail(ErrorKind::platform, description_ + " answered with an absurd length");
  return internal::make_evidence(base::to_bytes(report), report_data, table, description_);
}

}  // namespace blindbox::attester
