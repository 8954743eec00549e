// SPDX-License-Identifier: Apache-2.0
// A TPM 2.0 quote and its signature: TPMS_ATTEST and TPMT_SIGNATURE (TCG, TPM 2.0 Library, Part 2: Structures,
// sections 10.12.12 and 11.3.4). All numbers are big-endian.
#pragma once

#include <vector>

#include "blindbox/base/bytes.h"
#include "blindbox/evidence/azure_vm/pcrs.h"

namespace blindbox::evidence::azure_vm {

// The largest quote of a TPM with 24 PCRs has fewer than 400 bytes.
inline constexpr std::size_t kQuoteCap = 1024;
inline constexpr std::size_t kQuoteSignatureCap = 1024 + 6;  // RSA-8192 in a TPMT_SIGNATURE

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
  // None: the signature's bytes alone do not say. The TPM digests the PCRs with the hash that it signs with.
  std::optional<RsaScheme> scheme;
  std::optional<std::uint16_t> hash;  // TPMI_ALG_HASH
  Bytes signature;
};

// A TPMT_SIGNATURE of RSASSA or RSAPSS, or the signature's bytes alone, as tools pass them on. Malformed: another scheme
// (ECDSA is named: the paravisor's attestation keys are RSA), truncated, trailing bytes, over the cap.
[[nodiscard]] Result<UnverifiedQuoteSignature> parse_quote_signature(ByteView bytes);

}  // namespace blindbox::evidence::azure_vm
