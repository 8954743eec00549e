// SPDX-License-Identifier: Apache-2.0
// What an Azure confidential VM hands out: the HCL report of NV index 0x01400001, and a quote of its virtual TPM. Only
// as much is read as recognising needs; what is inside is read, and judged, behind the verifier.
#include "blindbox/base/reader.h"
#include "blindbox/evidence/sev_snp/report.h"
#include "blindbox/intake/internal/recognise.h"

namespace blindbox::intake::internal {
namespace {

using evidence::sev_snp::kReportSize;

constexpr std::size_t kHclHeader = 32;
constexpr std::size_t kRuntimeHeader = 20;
constexpr std::uint32_t kHclTdx = 4;  // the hardware report's type, third in the runtime data's header
constexpr std::size_t kMostQuote = 4096;
constexpr std::size_t kPcrs = 24;  // a TPM's PCRs, SHA-256 each

constexpr std::size_t kDigest = 32;
// TPM_GENERATED_VALUE and TPM_ST_ATTEST_QUOTE (TPM 2.0 Library, Part 2, TPMS_ATTEST), big-endian.
constexpr std::string_view kQuoteMagic = "\xff\x54\x43\x47\x80\x18";
// TPMT_SIGNATURE of RSASSA with SHA-256 and 256 bytes.
constexpr std::string_view kSignatureMagic{"\x00\x14\x00\x0b\x01\x00", 6};
constexpr std::size_t kRsa2048 = 256;

Result<bool> take(const Reading& reading, Part part, ByteView bytes) {
  const auto taken = reading.collector.take(part, bytes);
  if (!taken) return tl::unexpected<Error>(taken.error());
  return true;
}

bool is_quote(ByteView bytes) { return bytes.size() <= kMostQuote && base::as_text(bytes).starts_with(kQuoteMagic); }

// The quote as Rust's vTPM crates write it to a file (bincode): signature, message, PCRs, each behind its length.
Result<bool> read_bincode_quote(ByteView bytes, const Reading& reading) {
  base::Reader in(bytes);
  const auto next = [&in](std::size_t unit) {
    const std::uint64_t count = in.u64le();
    return in.take(count <= kMostQuote ? static_cast<std::size_t>(count) * unit : in.remaining() + 1);
  };
  const ByteView signature = next(1);
  const ByteView message = next(1);
  const ByteView pcrs = next(kDigest);
  if (!in.ok() || in.remaining() != 0 || !is_quote(message)) return false;
  auto taken = take(reading, Part::quote, message);
  if (taken) taken = take(reading, Part::quote_signature, signature);
  if (taken && !pcrs.empty()) taken = take(reading, Part::pcrs, pcrs);
  return taken;
}

}  // namespace

Result<bool> read_hcl_report(ByteView bytes, const Reading& reading) {
  if (!base::as_text(bytes).starts_with("HCLA")) return false;
  if (bytes.size() < kHclHeader + kReportSize + kRuntimeHeader) return broken(reading, "the HCL report is cut off");
  base::Reader runtime(bytes.subspan(kHclHeader + kReportSize));
  (void)runtime.take(8);
  if (runtime.u32le() == kHclTdx) {
    return broken(reading, "the HCL report is of an Intel TDX guest, which is not verified here");
  }
  auto taken = take(reading, Part::hcl_report, bytes);
  if (taken) taken = take(reading, Part::report, bytes.subspan(kHclHeader, kReportSize));
  return taken;
}

Result<bool> read_quote(ByteView bytes, const Reading& reading) {
  if (is_quote(bytes)) return take(reading, Part::quote, bytes);
  const std::string_view text = base::as_text(bytes);
  if (bytes.size() == kSignatureMagic.size() + kRsa2048 && text.starts_with(kSignatureMagic)) {
    return take(reading, Part::quote_signature, bytes);
  }
  // TPM2B_ATTEST: the same behind its length.
  if (bytes.size() > 2 && is_quote(bytes.subspan(2)) &&
      std::to_integer<std::size_t>(bytes[0]) * 256 + std::to_integer<std::size_t>(bytes[1]) == bytes.size() - 2) {
    return take(reading, Part::quote, bytes.subspan(2));
  }
  return read_bincode_quote(bytes, reading);
}

Result<bool> read_by_size(ByteView bytes, const Reading& reading) {
  if (!reading.alone) return false;
  if (bytes.size() == kRsa2048) return take(reading, Part::quote_signature, bytes);
  if (bytes.size() == kPcrs * kDigest) return take(reading, Part::pcrs, bytes);
  return false;
}

}  // namespace blindbox::intake::internal
