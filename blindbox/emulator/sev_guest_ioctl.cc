// SPDX-License-Identifier: Apache-2.0
#include "blindbox/emulator/sev_guest_ioctl.h"

#include <sys/uio.h>

#include <algorithm>
#include <cerrno>

#include "blindbox/base/reader.h"

namespace blindbox::emulator {
namespace {

// include/uapi/linux/sev-guest.h: codes, sizes, and where the fields lie.
constexpr unsigned int kGetReport = 0xC0205300;
constexpr unsigned int kGetExtendedReport = 0xC0205302;
constexpr unsigned int kMessageReport5x = 0xC0285301;
constexpr std::size_t kRequestSize = 96;
constexpr std::size_t kExtendedRequestSize = 112;
constexpr std::size_t kCertsLenOffset = 104;
constexpr std::size_t kResponseSize = 4000;
constexpr std::size_t kResponse5xSize = 1280;
constexpr std::size_t kResponseHeaderSize = 32;
constexpr std::size_t kExitInfo2Offset = 24;
constexpr std::size_t kError5xOffset = 32;
constexpr std::size_t kCertificatesCap = 0x4000;  // SEV_FW_BLOB_MAX_SIZE
constexpr std::size_t kPage = 4096;
constexpr std::uint32_t kVmmInvalidLength = 1;
constexpr std::uint32_t kVmmBusy = 2;
constexpr std::uint32_t kStatusInvalidParam = 0x16;

void put(std::span<std::byte> out, std::size_t offset, std::uint64_t value, std::size_t width) {
  for (std::size_t i = 0; i < width; ++i) out[offset + i] = static_cast<std::byte>(value >> (8 * i));
}

struct ReportRequest {
  ByteArray<64> report_data{};
  std::uint32_t vmpl = 0;
  bool reserved_zero = true;
};

ReportRequest decode_request(ByteView bytes) {
  base::Reader reader(bytes);
  ReportRequest request;
  request.report_data = reader.array<64>();
  request.vmpl = reader.u32le();
  request.reserved_zero = base::all_zero(reader.take(28));
  return request;
}

Device::Answer ask(Device& device, const ReportRequest& request) {
  if (request.reserved_zero) return device.report(request.report_data, request.vmpl);
  Device::Answer answer;
  answer.status = kStatusInvalidParam;
  return answer;
}

// MSG_REPORT_RSP (AMD 56860 rev. 1.58, Table 25). A report that does not fit is cut; its size still says what it was.
Bytes encode_response(const Device::Answer& answer, std::size_t size) {
  Bytes response(size);
  put(response, 0, answer.status, 4);
  put(response, 4, answer.report.size(), 4);
  const std::size_t fits = std::min(answer.report.size(), size - kResponseHeaderSize);
  std::copy_n(answer.report.begin(), fits, response.begin() + kResponseHeaderSize);
  return response;
}

int vmm_failure(std::span<std::byte> message, std::uint32_t error) {
  put(message, kExitInfo2Offset, std::uint64_t{error} << 32, 8);
  return error == kVmmBusy ? -EAGAIN : -EIO;
}

int get_report(Device& device, std::span<std::byte> message, std::uint64_t request_at, std::uint64_t response_at,
               CallerMemory& memory) {
  ByteArray<kRequestSize> request{};
  if (!memory.read(request_at, request)) return -EFAULT;
  const Device::Answer answer = ask(device, decode_request(request));
  if (answer.vmm_error != 0) return vmm_failure(message, answer.vmm_error);
  return memory.write(response_at, encode_response(answer, kResponseSize)) ? 0 : -EFAULT;
}

int get_extended_report(Device& device, std::span<std::byte> message, std::uint64_t request_at,
                        std::uint64_t response_at, CallerMemory& memory) {
  ByteArray<kExtendedRequestSize> request{};
  if (!memory.read(request_at, request)) return -EFAULT;
  base::Reader reader(ByteView(request).subspan(kRequestSize));
  const std::uint64_t certs_at = reader.u64le();
  std::size_t certs_len = reader.u32le();
  if (certs_at == 0) certs_len = 0;
  if (certs_len > kCertificatesCap || certs_len % kPage != 0) return -EINVAL;

  Device::Answer answer = ask(device, decode_request(request));
  if (answer.vmm_error == 0 && answer.certificates.size() > certs_len) {
    const std::size_t pages = (answer.certificates.size() + kPage - 1) / kPage;
    put(request, kCertsLenOffset, pages * kPage, 4);
    return memory.write(request_at, request) ? vmm_failure(message, kVmmInvalidLength) : -EFAULT;
  }
  if (answer.vmm_error != 0) return vmm_failure(message, answer.vmm_error);
  answer.certificates.resize(certs_len);
  if (certs_len > 0 && !memory.write(certs_at, answer.certificates)) return -EFAULT;
  return memory.write(response_at, encode_response(answer, kResponseSize)) ? 0 : -EFAULT;
}

}  // namespace

// The addresses are another process's: there is no pointer that they could come from.
bool ProcessMemory::read(std::uint64_t address, std::span<std::byte> into) {
  const iovec local{into.data(), into.size()};
  const iovec remote{reinterpret_cast<void*>(address), into.size()};  // NOLINT(performance-no-int-to-ptr)
  return ::process_vm_readv(pid_, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(into.size());
}

bool ProcessMemory::write(std::uint64_t address, ByteView from) {
  const iovec local{const_cast<std::byte*>(from.data()), from.size()};
  const iovec remote{reinterpret_cast<void*>(address), from.size()};  // NOLINT(performance-no-int-to-ptr)
  return ::process_vm_writev(pid_, &local, 1, &remote, 1, 0) == static_cast<ssize_t>(from.size());
}

int sev_guest_ioctl(Device& device, unsigned int code, std::span<std::byte> message, CallerMemory& memory) {
  if ((code != kGetReport && code != kGetExtendedReport) || message.size() != 32) return -ENOTTY;
  base::Reader reader(message);
  const std::uint8_t msg_version = reader.u8();
  (void)reader.take(7);
  const std::uint64_t request_at = reader.u64le();
  const std::uint64_t response_at = reader.u64le();
  if (msg_version == 0 || request_at == 0 || response_at == 0) return -EINVAL;
  put(message, kExitInfo2Offset, 0, 8);
  return code == kGetReport ? get_report(device, message, request_at, response_at, memory)
                            : get_extended_report(device, message, request_at, response_at, memory);
}

int sev_ioctl_5x(Device& device, unsigned int code, std::span<std::byte> message, CallerMemory& memory) {
  if (code != kMessageReport5x || message.size() != 40) return -ENOTTY;
  base::Reader reader(message);
  const std::uint8_t request_type = reader.u8();
  const std::uint8_t response_type = reader.u8();
  (void)reader.take(2);
  const std::uint16_t request_len = reader.u16le();
  (void)reader.take(2);
  const std::uint64_t request_at = reader.u64le();
  const std::uint16_t response_len = reader.u16le();
  (void)reader.take(6);
  const std::uint64_t response_at = reader.u64le();
  if (request_type != 5 || response_type != 6) return -EINVAL;
  if (request_len != kRequestSize || response_len < kResponse5xSize) return -EINVAL;
  ByteArray<kRequestSize> request{};
  if (!memory.read(request_at, request)) return -EFAULT;
  const Device::Answer answer = ask(device, decode_request(request));
  if (answer.vmm_error != 0) {
    put(message, kError5xOffset, answer.vmm_error, 4);
    return -EIO;
  }
  return memory.write(response_at, encode_response(answer, kResponse5xSize)) ? 0 : -EFAULT;
}

}  // namespace blindbox::emulator
