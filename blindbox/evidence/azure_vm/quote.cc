// SPDX-License-Identifier: Apache-2.0
#include "blindbox/evidence/azure_vm/quote.h"

#include <algorithm>

#include "blindbox/base/reader.h"

namespace blindbox::evidence::azure_vm {
namespace {

using base::fail;

constexpr std::uint32_t kTpmGeneratedValue = 0xFF544347;
constexpr std::uint16_t kTpmStAttestQuote = 0x8018;
constexpr std::uint16_t kTpmAlgRsassa = 0x0014;
constexpr std::uint16_t kTpmAlgRsapss = 0x0016;
constexpr std::uint16_t kTpmAlgEcdsa = 0x0018;
constexpr std::size_t kMaxName = 2 + 64;  // TPM2B_NAME and TPM2B_DATA: a hash's identifier and the largest hash
constexpr std::size_t kMaxDigest = 64;
constexpr std::uint32_t kMaxBanks = 16;
constexpr std::size_t kMaxSelect = kMaxPcrs / 8;
constexpr std::size_t kLeastBareSignature = 128;  // shorter than any RSA key that a TPM makes

tl::unexpected<Error> malformed(const std::string& detail) {
  return fail(ErrorKind::malformed, "malformed TPM quote: " + detail);
}

// The TPM's numbers and sized buffers; a buffer over its cap turns the whole reader bad.
class TpmReader {
 public:
  explicit TpmReader(ByteView bytes) : reader_(bytes) {}

  std::uint8_t u8() { return static_cast<std::uint8_t>(number(1)); }
  std::uint16_t u16() { return static_cast<std::uint16_t>(number(2)); }
  std::uint32_t u32() { return static_cast<std::uint32_t>(number(4)); }
  std::uint64_t u64() { return number(8); }
  Bytes bytes(std::size_t length, std::size_t cap) {
    if (length > cap) fits_ = false;
    return base::to_bytes(reader_.take(fits_ ? length : 0));
  }
  Bytes sized(std::size_t cap) {
    const std::size_t length = u16();
    return bytes(length, cap);
  }
  [[nodiscard]] bool ok() const { return fits_ && reader_.ok(); }
  [[nodiscard]] bool at_end() const { return ok() && reader_.remaining() == 0; }

 private:
  std::uint64_t number(std::size_t width) {
    std::uint64_t value = 0;
    for (const std::byte b : reader_.take(width)) value = value << 8 | std::to_integer<std::uint64_t>(b);
    return value;
  }

  base::Reader reader_;
  bool fits_ = true;
};

// TPML_PCR_SELECTION.
Result<std::vector<PcrSelection>> read_selections(TpmReader& reader) {
  const std::uint32_t count = reader.u32();
  if (!reader.ok() || count > kMaxBanks) return malformed("more banks of PCRs than a TPM has");
  std::vector<PcrSelection> selections;
  for (std::uint32_t i = 0; i < count; ++i) {
    PcrSelection selection;
    selection.hash = reader.u16();
    const std::size_t size = reader.u8();
    selection.select = reader.bytes(size, kMaxSelect);
    if (!reader.ok() || selection.select.empty()) return malformed("its selection of PCRs cannot be read");
    const auto same = [&](const PcrSelection& other) { return other.hash == selection.hash; };
    if (std::any_of(selections.begin(), selections.end(), same)) return malformed("a bank of PCRs is selected twice");
    selections.push_back(std::move(selection));
  }
  return selections;
}

Result<void> read_fixed_part(TpmReader& reader, UnverifiedQuote& quote) {
  if (reader.u32() != kTpmGeneratedValue) return malformed("it was not made by a TPM (magic)");
  if (reader.u16() != kTpmStAttestQuote) return malformed("it attests something else than PCRs (type)");
  quote.qualified_signer = reader.sized(kMaxName);
  quote.extra_data = reader.sized(kMaxName);
  quote.clock = reader.u64();
  quote.reset_count = reader.u32();
  quote.restart_count = reader.u32();
  const std::uint8_t safe = reader.u8();
  if (safe > 1) return malformed("its clock is neither safe nor unsafe");
  quote.safe = safe == 1;
  quote.firmware_version = reader.u64();
  return {};
}

}  // namespace

Result<UnverifiedQuote> parse_quote(ByteView attest) {
  if (attest.size() > kQuoteCap) return malformed("larger than " + std::to_string(kQuoteCap) + " bytes");
  TpmReader reader(attest);
  UnverifiedQuote quote;
  if (auto fixed = read_fixed_part(reader, quote); !fixed) return base::pass_on(fixed);
  auto selections = read_selections(reader);
  if (!selections) return base::pass_on(selections);
  quote.pcr_select = *std::move(selections);
  quote.pcr_digest = reader.sized(kMaxDigest);
  if (!reader.ok()) return malformed("truncated, or a field is larger than its type allows");
  if (!reader.at_end()) return malformed("bytes behind its end");
  return quote;
}

Result<UnverifiedQuoteSignature> parse_quote_signature(ByteView bytes) {
  if (bytes.size() > kQuoteSignatureCap) return malformed("its signature is too large");
  TpmReader reader(bytes);
  const std::uint16_t scheme = reader.u16();
  const std::uint16_t hash = reader.u16();
  Bytes signature = reader.sized(kQuoteSignatureCap);
  if ((scheme == kTpmAlgRsassa || scheme == kTpmAlgRsapss) && reader.at_end()) {
    return UnverifiedQuoteSignature{.scheme = scheme == kTpmAlgRsapss ? RsaScheme::rsapss : RsaScheme::rsassa,
                                    .hash = hash,
                                    .signature = std::move(signature)};
  }
  (void)reader.sized(kQuoteSignatureCap);  // S, where the first was R
  if (scheme == kTpmAlgEcdsa && reader.at_end()) {
    return malformed("its signature is ECDSA, while an Azure VM's attestation key is RSA");
  }
  // RSA signatures have whole words; a TPMT_SIGNATURE around one does not.
  if (bytes.size() < kLeastBareSignature || bytes.size() % 8 != 0) {
    return malformed("its signature is neither a TPMT_SIGNATURE of RSASSA or RSAPSS nor the signature's bytes alone");
  }
  return UnverifiedQuoteSignature{.scheme = std::nullopt, .hash = std::nullopt, .signature = base::to_bytes(bytes)};
}

}  // namespace blindbox::evidence::azure_vm
