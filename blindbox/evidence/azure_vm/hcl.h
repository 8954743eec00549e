// SPDX-License-Identifier: Apache-2.0
// The HCL report of an Azure confidential VM, as NV index 0x01400001 of its virtual TPM holds it: a header that nothing
// protects, the hardware's report, a second unprotected header, and the paravisor's claims in JSON ("variable data"),
// whose hash the paravisor had the hardware sign as REPORT_DATA. Microsoft Learn, "Guest attestation for confidential
// VMs", attestation report format; OpenHCL, IgvmAttestRequestBase.
#pragma once

#include "blindbox/base/bytes.h"

namespace blindbox::evidence::azure_vm {

// The index has 2600 bytes. More is refused before parsing.
inline constexpr std::size_t kHclCap = std::size_t{64} << 10;
inline constexpr std::size_t kHclHeaderSize = 0x20;
inline constexpr std::size_t kHardwareReportSize = 0x4A0;  // ATTESTATION_REPORT; a smaller report is followed by zeros

// Which hash of the variable data REPORT_DATA starts with.
enum class HashType : std::uint32_t { sha256 = 1, sha384 = 2, sha512 = 3 };

// Big-endian numbers, as RFC 7518 section 6.3.1 has them; neither is judged.
struct RsaKey {
  Bytes modulus;
  Bytes exponent;
};

struct UnverifiedHclReport {
  std::uint32_t version = 0;
  Bytes report;  // kHardwareReportSize bytes: an SEV-SNP ATTESTATION_REPORT, unread
  HashType hash_type = HashType::sha256;
  Bytes variable_data;  // the very bytes that were hashed
  // The key HCLAkPub among the claims, or why there is none that can be read.
  Result<RsaKey> attestation_key;
};

// By its first four bytes, "HCLA".
[[nodiscard]] bool is_hcl_report(ByteView bytes);

// Malformed: over the cap, another signature or version (1 and 2 are known), a status or reserved bytes that are not
// zero, a hardware report that is not SEV-SNP's (an Intel TDX guest's is named as such), an unknown hash, sizes that
// contradict one another or the input, anything but zeros or FFh behind the claims, claims that are no JSON object, have
// a key twice or nest deeply. The request type is Azure's own and not judged.
[[nodiscard]] Result<UnverifiedHclReport> parse_hcl_report(ByteView bytes);

}  // namespace blindbox::evidence::azure_vm
