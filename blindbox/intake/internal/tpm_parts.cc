// SPDX-License-Identifier: Apache-2.0
#include "blindbox/intake/internal/tpm_parts.h"

#include <algorithm>
#include <utility>

#include "blindbox/base/digest.h"
#include "blindbox/evidence/azure_vm/hcl.h"
#include "blindbox/evidence/azure_vm/quote.h"

namespace blindbox::intake::internal {
namespace {

using evidence::azure_vm::kMaxPcrs;
using evidence::azure_vm::kTpmAlgSha256;
using evidence::azure_vm::PcrSelection;
using evidence::azure_vm::PcrValues;

constexpr std::size_t kSha256 = 32;
constexpr const char* kSignature = "TPM quote's signature";
constexpr std::size_t kRsaSizes[] = {256, 384, 512};

tl::unexpected<Error> differ(const std::string& one, const std::string& other, const std::string& what) {
  return base::fail(
      ErrorKind::malformed,
      one == other ? one + " holds two different values: " + what : one + " and " + other + " differ: " + what,
      "evidence has one at most", "give the files of one machine and one moment");
}

bool digests_to(ByteView values, ByteView digest) {
  return std::ranges::equal(base::sha256(values), digest) || std::ranges::equal(base::sha384(values), digest) ||
         std::ranges::equal(base::sha512(values), digest);
}

// The SHA-256 bank from PCR 0 on.
std::vector<PcrSelection> from_zero(std::size_t count) {
  PcrSelection bank{.hash = kTpmAlgSha256, .select = Bytes(kMaxPcrs / 8)};
  for (std::size_t i = 0; i < count; ++i) bank.select[i / 8] |= std::byte{1} << (i % 8);
  return {std::move(bank)};
}

}  // namespace

struct TpmParts::Light {
  std::vector<PcrSelection> selections;       // of the quote; none where there is no quote that can be read
  std::optional<std::size_t> selected;        // bytes of the values selected
  Bytes digest;                               // of these
  std::optional<std::size_t> signature_size;  // of the attestation key's signatures, where the HCL report tells
};

Result<void> TpmParts::take(const PcrValues& values, const std::string& source) {
  for (const auto& [pcr, value] : values) {
    const auto [held, fresh] = values_.try_emplace(pcr, Part{value, source});
    if (!fresh && held->second.bytes != value) {
      return differ(held->second.source, source, "PCR " + std::to_string(pcr.index));
    }
  }
  return {};
}

void TpmParts::take_list(ByteView values, const std::string& source) {
  lists_.push_back({base::to_bytes(values), source});
}

void TpmParts::offer(ByteView bytes, const std::string& source) { offers_.push_back({base::to_bytes(bytes), source}); }

void TpmParts::withdraw(const std::string& source) {
  std::erase_if(offers_, [&](const Part& part) { return part.source == source; });
}

Result<void> TpmParts::settle_list(const Part& part, const Light& light) {
  const std::size_t size = part.bytes.size();
  const bool plain = size % kSha256 == 0 && size / kSha256 <= kMaxPcrs;
  const bool selected = light.selected == size && size > 0;
  if (!selected && !plain) {
    return base::fail(ErrorKind::malformed, part.source + ": the PCR values are not those that the quote selects");
  }
  const auto named = evidence::azure_vm::name_pcrs(selected ? light.selections : from_zero(size / kSha256), part.bytes);
  if (!named) return base::fail(ErrorKind::malformed, part.source + ": " + named.error().what);
  return take(*named, part.source);
}

// What hashes to the quote's digest is what the quote is about.
Result<void> TpmParts::settle_quoted(const Light& light) {
  for (const Part& part : offers_) {
    if (is_settled(part) || light.selected != part.bytes.size() || !digests_to(part.bytes, light.digest)) continue;
    if (auto taken = settle_list(part, light); !taken) return taken;
    settled_[part.source] = "PCR values";
  }
  return {};
}

Result<void> TpmParts::settle_signature(evidence::AzureVm& vm, const Light& light) {
  if (vm.quote.empty()) return {};
  if (!vm.quote_signature.empty()) {
    // The same once more, without its frame.
    const std::string_view known = base::as_text(vm.quote_signature);
    for (const Part& part : offers_) {
      if (!is_settled(part) && known.ends_with(base::as_text(part.bytes))) settled_[part.source] = kSignature;
    }
    return {};
  }
  const Part* found = nullptr;
  for (const Part& part : offers_) {
    const std::size_t size = part.bytes.size();
    const bool fits = light.signature_size ? size == *light.signature_size
                                           : std::ranges::find(kRsaSizes, size) != std::end(kRsaSizes);
    if (is_settled(part) || !fits) continue;
    if (found != nullptr && found->bytes != part.bytes) {
      return differ(found->source, part.source, kSignature);
    }
    if (found == nullptr) found = &part;
    settled_[part.source] = kSignature;
  }
  if (found != nullptr) vm.quote_signature = found->bytes;
  return {};
}

// Values that the quote contradicts are still told by their size: they must not be passed over.
Result<void> TpmParts::settle_sized(const Light& light) {
  for (const Part& part : offers_) {
    const bool whole_bank = part.bytes.size() == kMaxPcrs * kSha256;
    if (is_settled(part) || !(light.selected == part.bytes.size() || whole_bank)) continue;
    if (auto taken = settle_list(part, light); !taken) return taken;
    settled_[part.source] = "PCR values";
  }
  return {};
}

Result<void> TpmParts::settle(evidence::AzureVm& vm) {
  if (vm.quote.empty() && vm.hcl_report.empty()) return {};  // what there is, is about something else
  Light light;
  if (auto quote = evidence::azure_vm::parse_quote(vm.quote)) {
    light.selections = std::move(quote->pcr_select);
    light.selected = evidence::azure_vm::selected_size(light.selections);
    light.digest = std::move(quote->pcr_digest);
  }
  const auto hcl = evidence::azure_vm::parse_hcl_report(vm.hcl_report);
  if (hcl && hcl->attestation_key) light.signature_size = hcl->attestation_key->modulus.size();
  Result<void> done;
  for (const Part& part : lists_) {
    if (done) done = settle_list(part, light);
  }
  if (done) done = settle_quoted(light);
  if (done) done = settle_signature(vm, light);
  if (done) done = settle_sized(light);
  for (auto& [pcr, part] : values_) vm.pcrs[pcr] = std::move(part.bytes);
  return done;
}

std::string TpmParts::settled(const std::string& source) const {
  const auto found = settled_.find(source);
  return found == settled_.end() ? std::string() : found->second;
}

}  // namespace blindbox::intake::internal
