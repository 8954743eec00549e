// SPDX-License-Identifier: Apache-2.0
#include "blindbox/measure/internal/ovmf.h"

#include <algorithm>
#include <utility>

#include "blindbox/base/reader.h"

namespace blindbox::measure::internal {
namespace {

constexpr std::size_t kBehindTable = 32;
constexpr std::size_t kEntry = 18;  // length and GUID, at the end of each entry
constexpr std::size_t kSectionCap = 256;

// GUIDs as they lie in memory.
constexpr std::string_view kFooter = "de82b596b21ff745baeaa366c55a082d";
constexpr std::string_view kHashTable = "1f3755723b3a044b927b1da6efa8d454";
constexpr std::string_view kResetBlock = "de71f7007e1acb4f890e68c77e2fb44e";
constexpr std::string_view kSvsmInfo = "12a689a797054b4ca49fcbb1fe9d1ddd";
constexpr std::string_view kMetadata = "666588dc4a989847a75e5585a7bf67cc";

tl::unexpected<Error> bad_firmware(const std::string& why) {
  return base::fail(ErrorKind::malformed, "the firmware's table is damaged: " + why);
}

struct Entry {
  std::size_t length = 0;
  std::string guid;
};

Entry last_entry(ByteView bytes) {
  base::Reader reader(bytes.last(kEntry));
  Entry entry;
  entry.length = reader.u16le();
  entry.guid = base::to_hex(reader.take(16));
  return entry;
}

Result<std::vector<OvmfSection>> read_sections(ByteView firmware, std::uint32_t from_end) {
  if (from_end > firmware.size()) return bad_firmware("its metadata would begin before it");
  base::Reader reader(firmware.last(from_end));
  const std::string_view signature = base::as_text(reader.take(4));
  const std::uint32_t size = reader.u32le();
  const std::uint32_t version = reader.u32le();
  const std::uint32_t count = reader.u32le();
  if (!reader.ok() || signature != "ASEV" || version != 1) return bad_firmware("its metadata are of no known version");
  if (count > kSectionCap || size < 16 + std::size_t{count} * 12) return bad_firmware("its metadata do not fit");
  std::vector<OvmfSection> sections(count);
  for (OvmfSection& section : sections) {
    section.address = reader.u32le();
    section.size = reader.u32le();
    section.type = reader.u32le();
  }
  if (!reader.ok()) return bad_firmware("its metadata end too early");
  return sections;
}

}  // namespace

Result<Ovmf> parse_ovmf(ByteView firmware) {
  Ovmf out;
  if (firmware.size() < kBehindTable + kEntry) return out;
  ByteView table = firmware.first(firmware.size() - kBehindTable);
  const Entry footer = last_entry(table);
  if (footer.guid != kFooter) return out;
  if (footer.length < kEntry || footer.length > table.size()) return bad_firmware("its length makes no sense");
  table = table.last(footer.length).first(footer.length - kEntry);
  std::optional<std::uint32_t> metadata;
  const auto keep = [](std::optional<std::uint32_t>& into, std::uint32_t number) {
    return !std::exchange(into, number).has_value();
  };
  while (table.size() >= kEntry) {
    const Entry entry = last_entry(table);
    if (entry.length < kEntry || entry.length > table.size()) return bad_firmware("an entry's length makes no sense");
    base::Reader value(table.last(entry.length));
    const std::uint32_t number = value.u32le();
    const bool has_value = entry.length >= kEntry + 4;
    table = table.first(table.size() - entry.length);
    auto* const into = entry.guid == kHashTable    ? &out.hash_table
                       : entry.guid == kResetBlock ? &out.reset_vector
                       : entry.guid == kSvsmInfo   ? &out.svsm_entry
                       : entry.guid == kMetadata   ? &metadata
                                                   : nullptr;
    if (into == nullptr) continue;
    // Hypervisors differ in which of two they take.
    if (!has_value) return bad_firmware("the entry " + entry.guid + " is empty");
    if (!keep(*into, number)) return bad_firmware("the entry " + entry.guid + " is there twice");
  }
  if (!metadata) return out;
  auto sections = read_sections(firmware, *metadata);
  if (!sections) return base::pass_on(sections);
  out.sections = std::move(*sections);
  return out;
}

}  // namespace blindbox::measure::internal
