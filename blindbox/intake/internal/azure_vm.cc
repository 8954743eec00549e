// SPDX-License-Identifier: Apache-2.0
// What an Azure confidential VM hands out: the HCL report of NV index 0x01400001, and a quote of its virtual TPM. Only
// as much is read as recognising needs; what is inside is read, and judged, behind the verifier.
#include <algorithm>
#include <array>

#include "blindbox/base/reader.h"
#include "blindbox/evidence/azure_vm/hcl.h"
#include "blindbox/evidence/azure_vm/pcrs.h"
#include "blindbox/evidence/azure_vm/quote.h"
#include "blindbox/evidence/sev_snp/report.h"
#include "blindbox/intake/internal/recognise.h"
#include "blindbox/intake/internal/text.h"

namespace blindbox::intake::internal {
namespace {

using evidence::sev_snp::kReportSize;

constexpr std::size_t kHclHeader = 32;
constexpr std::size_t kRuntimeHeader = 20;
constexpr std::uint32_t kHclTdx = 4;  // the hardware report's type, third in the runtime data's header
constexpr std::size_t kMostQuote = 4096;
constexpr std::size_t kDigest = 32;
// TPM_GENERATED_VALUE and TPM_ST_ATTEST_QUOTE (TPM 2.0 Library, Part 2, TPMS_ATTEST), big-endian.
constexpr std::string_view kQuoteMagic = "\xff\x54\x43\x47\x80\x18";
// TPM_ALG_ID of the schemes and hashes that an attestation key may sign with (TPM 2.0 Library, Part 2, 11.2.1).
constexpr std::uint16_t kRsassa = 0x0014, kRsapss = 0x0016, kEcdsa = 0x0018;
constexpr std::array<std::uint16_t, 4> kHashes = {0x0004, 0x000B, 0x000C, 0x000D};
constexpr std::size_t kLeastSignature = 64;
// What may be a signature or PCR values: the values of two banks of 24 at most.
constexpr std::size_t kLeastUnmarked = 20;
constexpr std::size_t kMostUnmarked = 4096;

Result<bool> take(const Reading& reading, Part part, ByteView bytes) {
  const auto taken = reading.collector.take(part, bytes);
  if (!taken) return tl::unexpected<Error>(taken.error());
  return true;
}

// A line's end behind binary data, which is no part of it. What ends so by itself keeps it.
template <typename Parse>
ByteView parsed_part(ByteView bytes, const Parse& parse) {
  const ByteView shorter = without_line_end(bytes);
  return !parse(bytes) && parse(shorter) ? shorter : bytes;
}

bool is_quote(ByteView bytes) { return bytes.size() <= kMostQuote && base::as_text(bytes).starts_with(kQuoteMagic); }

std::uint16_t big_endian(ByteView bytes) {
  return static_cast<std::uint16_t>(std::to_integer<unsigned>(bytes[0]) << 8 | std::to_integer<unsigned>(bytes[1]));
}

// TPMT_SIGNATURE: scheme, hash, and one sized number (RSA) or two (ECDSA), which fill it.
bool is_signature(ByteView bytes) {
  if (bytes.size() < kLeastSignature || bytes.size() > kMostQuote) return false;
  const std::uint16_t scheme = big_endian(bytes);
  if (std::ranges::find(kHashes, big_endian(bytes.subspan(2))) == kHashes.end()) return false;
  ByteView rest = bytes.subspan(4);
  for (int numbers = scheme == kEcdsa ? 2 : 1; numbers > 0; --numbers) {
    if (rest.size() < 2 || rest.size() - 2 < big_endian(rest)) return false;
    rest = rest.subspan(std::size_t{2} + big_endian(rest));
  }
  return rest.empty() && (scheme == kRsassa || scheme == kRsapss || scheme == kEcdsa);
}

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
  if (taken && !pcrs.empty()) reading.collector.take_pcr_list(pcrs);
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
  auto taken = take(reading, Part::hcl_report, parsed_part(bytes, &evidence::azure_vm::parse_hcl_report));
  if (taken) taken = take(reading, Part::report, bytes.subspan(kHclHeader, kReportSize));
  return taken;
}

Result<bool> read_quote(ByteView bytes, const Reading& reading) {
  if (is_quote(bytes)) {
    return take(reading, Part::quote, parsed_part(bytes, &evidence::azure_vm::parse_quote));
  }
  if (is_signature(bytes)) return take(reading, Part::quote_signature, bytes);
  // TPM2B_ATTEST: the same behind its length.
  if (bytes.size() > 2 && is_quote(bytes.subspan(2)) && big_endian(bytes) == bytes.size() - 2) {
    return take(reading, Part::quote, bytes.subspan(2));
  }
  return read_bincode_quote(bytes, reading);
}

Result<bool> read_serialized_pcrs(ByteView bytes, const Reading& reading) {
  if (!evidence::azure_vm::is_serialized_pcrs(bytes)) return false;
  const auto values = evidence::azure_vm::parse_serialized_pcrs(bytes);
  if (!values) return broken(reading, values.error().what);
  if (const auto taken = reading.collector.take_pcrs(*values); !taken) return tl::unexpected<Error>(taken.error());
  return true;
}

// Not recognised yet: the quote, wherever it stands, may tell.
Result<bool> read_by_size(ByteView bytes, const Reading& reading) {
  const bool likely = bytes.size() >= kLeastUnmarked && bytes.size() <= kMostUnmarked && bytes.size() % 4 == 0;
  if (reading.alone && likely) reading.collector.offer(bytes);
  return false;
}

}  // namespace blindbox::intake::internal
