// SPDX-License-Identifier: Apache-2.0
#include "blindbox/evidence/azure_vm/pcrs.h"

#include <algorithm>
#include <array>
#include <utility>

#include "blindbox/base/reader.h"

namespace blindbox::evidence::azure_vm {
namespace {

struct Bank {
  std::uint16_t id;
  std::string_view name;
  std::size_t size;
};

// TPM_ALG_ID (TCG Algorithm Registry, table 3).
constexpr std::array<Bank, 8> kBanks = {{{0x0004, "sha1", 20},
                                         {kTpmAlgSha256, "sha256", 32},
                                         {0x000C, "sha384", 48},
                                         {0x000D, "sha512", 64},
                                         {0x0012, "sm3_256", 32},
                                         {0x0027, "sha3_256", 32},
                                         {0x0028, "sha3_384", 48},
                                         {0x0029, "sha3_512", 64}}};

// TPML_PCR_SELECTION and TPML_DIGEST as tpm2-tss has them in memory, on every machine that tpm2-tools write them for.
constexpr std::uint32_t kPlaces = 16;
constexpr std::size_t kSelectionPlace = 8;  // hash, sizeofSelect, pcrSelect[4], and a byte that aligns the next
constexpr std::size_t kSelect = 4;
constexpr std::size_t kSelectionList = 4 + kPlaces * kSelectionPlace;
constexpr std::uint32_t kDigests = 8;
constexpr std::size_t kDigestPlace = 2 + 64;
constexpr std::size_t kDigestList = 4 + kDigests * kDigestPlace;
constexpr std::size_t kMostLists = kPlaces * kMaxPcrs / kDigests;

tl::unexpected<Error> malformed(const std::string& detail) {
  return base::fail(ErrorKind::malformed, "malformed PCR values: " + detail);
}

const Bank* find_bank(std::uint16_t id) {
  const auto* found = std::ranges::find(kBanks, id, &Bank::id);
  return found == kBanks.end() ? nullptr : found;
}

Result<std::vector<PcrSelection>> read_selections(base::Reader& in) {
  const std::uint32_t count = in.u32le();
  std::vector<PcrSelection> out;
  for (std::uint32_t i = 0; i < kPlaces; ++i) {
    base::Reader place(in.take(kSelectionPlace));
    if (i >= count) continue;
    PcrSelection selection{.hash = place.u16le(), .select = {}};
    const std::size_t size = place.u8();
    const ByteView select = place.take(kSelect);
    if (size == 0 || size > kMaxPcrs / 8) return malformed("a selection of " + std::to_string(size) + " bytes");
    selection.select = base::to_bytes(select.first(size));
    if (std::ranges::find(out, selection.hash, &PcrSelection::hash) != out.end()) {
      return malformed("the bank " + bank_name(selection.hash) + " is selected twice");
    }
    out.push_back(std::move(selection));
  }
  return out;
}

// The digests of every list, one after another.
Result<Bytes> read_digests(base::Reader& in) {
  Bytes out;
  for (std::uint32_t lists = in.u32le(); lists > 0; --lists) {
    const std::uint32_t count = in.u32le();
    if (count > kDigests) return malformed("a list of " + std::to_string(count) + " digests");
    for (std::uint32_t i = 0; i < kDigests; ++i) {
      base::Reader place(in.take(kDigestPlace));
      const ByteView digest = place.take(place.u16le());
      if (!place.ok()) return malformed("a digest larger than its place");
      if (i < count) out.insert(out.end(), digest.begin(), digest.end());
    }
  }
  return out;
}

}  // namespace

std::vector<std::uint8_t> PcrSelection::pcrs() const {
  std::vector<std::uint8_t> out;
  for (std::size_t i = 0; i < select.size() * 8; ++i) {
    if ((select[i / 8] >> (i % 8) & std::byte{1}) != std::byte{0}) out.push_back(static_cast<std::uint8_t>(i));
  }
  return out;
}

std::string bank_name(std::uint16_t bank) {
  const Bank* known = find_bank(bank);
  return known != nullptr ? std::string(known->name) : "hash " + std::to_string(bank);
}

std::optional<std::uint16_t> bank_of(std::string_view name) {
  const auto* found = std::ranges::find(kBanks, name, &Bank::name);
  return found == kBanks.end() ? std::nullopt : std::optional(found->id);
}

std::size_t bank_size(std::uint16_t bank) {
  const Bank* known = find_bank(bank);
  return known != nullptr ? known->size : 0;
}

std::optional<std::size_t> selected_size(const std::vector<PcrSelection>& selections) {
  std::size_t size = 0;
  for (const PcrSelection& selection : selections) {
    const std::size_t each = bank_size(selection.hash);
    if (each == 0) return std::nullopt;
    size += each * selection.pcrs().size();
  }
  return size;
}

Result<PcrValues> name_pcrs(const std::vector<PcrSelection>& selections, ByteView values) {
  if (selected_size(selections) != values.size()) return malformed("they are not those that are selected");
  PcrValues out;
  for (const PcrSelection& selection : selections) {
    const std::size_t each = bank_size(selection.hash);
    for (const std::uint8_t index : selection.pcrs()) {
      out[{selection.hash, index}] = base::to_bytes(values.first(each));
      values = values.subspan(each);
    }
  }
  return out;
}

bool is_serialized_pcrs(ByteView bytes) {
  if (bytes.size() < kSelectionList + 4 + kDigestList) return false;
  const std::size_t lists = (bytes.size() - kSelectionList - 4) / kDigestList;
  base::Reader count(bytes);
  base::Reader listed(bytes.subspan(kSelectionList));
  const std::uint32_t selections = count.u32le();
  return lists <= kMostLists && bytes.size() == kSelectionList + 4 + lists * kDigestList && listed.u32le() == lists &&
         selections >= 1 && selections <= kPlaces;
}

Result<PcrValues> parse_serialized_pcrs(ByteView bytes) {
  if (!is_serialized_pcrs(bytes)) return malformed("their size is not what they announce");
  base::Reader in(bytes);
  auto selections = read_selections(in);
  if (!selections) return base::pass_on(selections);
  auto digests = read_digests(in);
  if (!digests) return base::pass_on(digests);
  return name_pcrs(*selections, *digests);
}

}  // namespace blindbox::evidence::azure_vm
