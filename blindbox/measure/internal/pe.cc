// SPDX-License-Identifier: Apache-2.0
#include "blindbox/measure/internal/pe.h"

#include <algorithm>

#include "blindbox/base/reader.h"
#include "blindbox/measure/internal/verity.h"

namespace blindbox::measure::internal {
namespace {

constexpr std::size_t kFileHeader = 24;  // with its signature
constexpr std::size_t kSectionHeader = 40;
constexpr std::size_t kSectionCap = 96;  // the format's own for an image that loads
constexpr std::size_t kChecksum = 64, kHeadersSize = 60, kDirectoryCount = 108;  // in the optional header
constexpr std::size_t kCertificateEntry = 144;                                   // the fifth directory
constexpr std::uint16_t kPe32Plus = 0x20b;

tl::unexpected<Error> bad_image(const std::string& why) {
  return base::fail(ErrorKind::malformed, "not a PE image: " + why);
}

std::uint32_t u32_at(ByteView bytes, std::size_t at) {
  base::Reader reader(bytes.subspan(std::min(at, bytes.size())));
  return reader.u32le();
}

}  // namespace

Result<PeImage> parse_pe(ByteView image) {
  base::Reader dos(image);
  if (base::as_text(dos.take(2)) != "MZ") return bad_image("it does not begin with MZ");
  const std::uint32_t at = u32_at(image, 60);
  if (image.size() < 64 || at > image.size()) return bad_image("its PE header is outside of it");
  base::Reader header(image.subspan(at));
  const std::uint32_t signature = header.u32le();
  (void)header.u16le();  // machine
  const std::size_t count = header.u16le();
  (void)header.take(12);
  const std::size_t optional_size = header.u16le();
  (void)header.take(2);
  const ByteView optional = header.take(optional_size);
  if (!header.ok() || signature != 0x4550) return bad_image("its PE header is damaged");
  if (count > kSectionCap) return bad_image("it has too many sections");
  if (optional.size() < kDirectoryCount + 4 || (u32_at(optional, 0) & 0xffff) != kPe32Plus) {
    return bad_image("it has no header of a 64-bit program");
  }
  PeImage out;
  out.checksum = at + kFileHeader + kChecksum;
  out.headers_size = u32_at(optional, kHeadersSize);
  if (u32_at(optional, kDirectoryCount) > 4 && optional.size() >= kCertificateEntry + 8) {
    out.certificate_entry = at + kFileHeader + kCertificateEntry;
    out.certificates_size = u32_at(optional, kCertificateEntry + 4);
  }
  for (std::size_t i = 0; i < count; ++i) {
    base::Reader row(header.take(kSectionHeader));
    PeSection section;
    section.name = std::string(base::as_text(row.take(8)));
    section.name.resize(std::min(section.name.find('\0'), section.name.size()));
    section.size = row.u32le();
    section.address = row.u32le();
    section.file_size = row.u32le();
    section.file_offset = row.u32le();
    if (!row.ok()) return bad_image("its sections end too early");
    out.sections.push_back(std::move(section));
  }
  return out;
}

Result<base::Sha256> authenticode(ByteView image) {
  auto pe = parse_pe(image);
  if (!pe) return base::pass_on(pe);
  const std::size_t tail = pe->certificate_entry == 0 ? pe->checksum + 4 : pe->certificate_entry + 8;
  if (pe->headers_size > image.size() || pe->headers_size < tail) return bad_image("its headers end outside of it");
  Sha256Stream hashed;
  const auto add = [&](std::size_t begin, std::size_t end) { hashed.update(image.subspan(begin, end - begin)); };
  add(0, pe->checksum);
  if (pe->certificate_entry != 0) add(pe->checksum + 4, pe->certificate_entry);
  add(tail, pe->headers_size);
  std::size_t done = pe->headers_size;  // where the last section ended
  std::size_t sum = done;               // SUM_OF_BYTES_HASHED
  std::ranges::stable_sort(pe->sections, {}, &PeSection::file_offset);
  for (const PeSection& section : pe->sections) {
    if (section.file_size == 0) continue;
    // Each byte is in one section at most, so that the sum below is never beyond the end.
    if (section.file_offset < done || section.file_size > image.size() - std::min(done, image.size()) ||
        section.file_offset > image.size() - section.file_size) {
      return bad_image("its sections overlap or end outside of it");
    }
    add(section.file_offset, std::size_t{section.file_offset} + section.file_size);
    done = std::size_t{section.file_offset} + section.file_size;
    sum += section.file_size;
  }
  // Step 14 counts from the sum and not from the last section's end: firmware hashes again what gaps before have moved.
  if (pe->certificates_size > image.size() - sum) return bad_image("its signatures are outside of it");
  add(sum, image.size() - pe->certificates_size);
  return hashed.finish();
}

}  // namespace blindbox::measure::internal
