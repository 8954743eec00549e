// SPDX-License-Identifier: Apache-2.0
// Values of a TPM's platform configuration registers, of any bank, as tools write them beside a quote.
#pragma once

#include <compare>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "blindbox/base/bytes.h"

namespace blindbox::evidence::azure_vm {

inline constexpr std::size_t kMaxPcrs = 24;  // of a PC Client TPM
inline constexpr std::uint16_t kTpmAlgSha256 = 0x000B;

struct Pcr {
  std::uint16_t bank = kTpmAlgSha256;  // TPMI_ALG_HASH
  std::uint8_t index = 0;
  // clang-tidy 14 takes the comparison with 0 for one with a pointer.
  auto operator<=>(const Pcr&) const = default;  // NOLINT(modernize-use-nullptr)
};

// Nothing in it has been verified.
using PcrValues = std::map<Pcr, Bytes>;

// TPMS_PCR_SELECTION (TPM 2.0 Library, Part 2, section 10.6.1).
struct PcrSelection {
  std::uint16_t hash = 0;  // TPMI_ALG_HASH: which bank
  Bytes select;            // 1 to 3 bytes; PCR n is bit n % 8 of byte n / 8
  // In ascending order: the order in which the TPM digests them.
  [[nodiscard]] std::vector<std::uint8_t> pcrs() const;
};

// "sha256"; its identifier for one that is not known here.
[[nodiscard]] std::string bank_name(std::uint16_t bank);
[[nodiscard]] std::optional<std::uint16_t> bank_of(std::string_view name);
// Bytes that a value of this bank has; 0 for a bank that is not known here.
[[nodiscard]] std::size_t bank_size(std::uint16_t bank);

// Bytes that the values selected have together; nothing where a bank is not known here.
[[nodiscard]] std::optional<std::size_t> selected_size(const std::vector<PcrSelection>& selections);

// Values one after another in the order of a selection, each with its name. Malformed: another size than selected_size.
[[nodiscard]] Result<PcrValues> name_pcrs(const std::vector<PcrSelection>& selections, ByteView values);

// What "tpm2_quote -o FILE -F serialized" writes: TPML_PCR_SELECTION of 16 places as it lies in memory (little-endian),
// the number of lists, and each TPML_DIGEST with its 8 places of 64 bytes.
[[nodiscard]] bool is_serialized_pcrs(ByteView bytes);
// Malformed: counts beyond their places or the input, a bank that is unknown or stands there twice, values that are not
// those selected.
[[nodiscard]] Result<PcrValues> parse_serialized_pcrs(ByteView bytes);

}  // namespace blindbox::evidence::azure_vm
