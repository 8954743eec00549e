// SPDX-License-Identifier: Apache-2.0
// A TPM 2.0 quote and its signature: TPMS_ATTEST and TPMT_SIGNATURE (TCG, TPM 2.0 Library, Part 2: Structures,
// sections 10.12.12 and 11.3.4). All numbers are big-endian.
#pragma once

#include <vector>

#include "blindbox/base/bytes.h"

namespace blindbox::evidence::azure_vm {

// The largest quote of a TPM with 24 PCRs has fewer than 400 bytes.
inline constexpr std::size_t kQuoteCap = 1024;
inline constexpr std::size_t kQuoteSignatureCap = 1024 + 6;  // RSA-8192 in a TPMT_SIGNATURE
inline constexpr std::size_t kMaxPcrs = 24;                  // of a PC Client TPM
inline constexpr std::uint16_t kTpmAlgSha256 = 0x000B;

// TPMS_PCR_SELECTION.
struct PcrSelection {
  std::uint16_t hash = 0;  // TPMI_ALG_HASH: which bank
  Bytes select;            // 1 to 3 bytes; PCR n is bit n % 8 of byte n / 8
  // In ascending order: the order in which the TPM digests them.
  [[nodiscard]] std::vector<std::uint8_t> pcrs() const;
};

struct UnverifiedQuote {
  Bytes qualified_signer;
  Bytes extra_data;  // the qualifying data that whoever asked for the quote gave
  std::uint64_t clock = 0;
  std::uint32_t reset_count = 0;
  std::uint32_t restart_count = 0;
  bool safe = false;
  std::uint64_t firmware_version = 0;
  std::vector<PcrSelection> pcr_select;  // no bank twice
  Bytes pcr_digest;
};

// Malformed: over the cap, truncated, trailing bytes, another magic (then no TPM made it) or type (then it is no quote),
// a field larger than its type allows, a bank twice.
[[nodiscard]] Result<UnverifiedQuote> parse_quote(ByteView attest);

enum class RsaScheme { rsassa, rsapss };

struct UnverifiedQuoteSignature {
  RsaScheme scheme = RsaScheme::rsassa;
  std::uint16_t hash = kTpmAlgSha256;
  Bytes signature;
};

// A TPMT_SIGNATURE of RSASSA or RSAPSS, or the signature's bytes alone, as tools pass them on: then RSASSA with SHA-256,
// which is how Azure's attestation key signs. Malformed: another scheme, truncated, trailing bytes, over the cap.
[[nodiscard]] Result<UnverifiedQuoteSignature> parse_quote_signature(ByteView bytes);

}  // namespace blindbox::evidence::azure_vm
