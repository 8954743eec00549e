// SPDX-License-Identifier: Apache-2.0
#include "blindbox/evidence/sev_snp/certificate_table.h"

#include <algorithm>
#include <array>
#include <string>

#include "blindbox/base/reader.h"
#include "blindbox/evidence/pem.h"

namespace blindbox::evidence::sev_snp {
namespace {

constexpr std::size_t kMostEntries = 32;
constexpr std::size_t kEntrySize = 24;

struct Entry {
  ByteArray<16> guid{};
  std::uint32_t offset = 0;
  std::uint32_t length = 0;
};

enum class Content { certificate, crl, unknown };

// The bytes stand in the order in which the text form of a GUID shows them.
Content content_of(const ByteArray<16>& guid) {
  const std::string hex = base::to_hex(guid);
  for (const char* known : {"63da758de6644564adc5f4b93be8accd",     // VCEK
                            "a8074bc2a25a483eaae639c045a0b8a1",     // VLEK
                            "4ab7b379bbac4fe4a02f05aef327c782",     // ASK, ASVK
                            "c0b406a4a803495297433fb6014cd0ae"}) {  // ARK
    if (hex == known) return Content::certificate;
  }
  return hex == "92f81bc358114d3d97ffd19f88dc67ea" ? Content::crl : Content::unknown;
}

tl::unexpected<Error> malformed(const std::string& why) {
  return base::fail(ErrorKind::malformed, "the host's certificate table is malformed: " + why);
}

Result<std::vector<Entry>> read_header(ByteView table) {
  base::Reader reader(table);
  std::vector<Entry> entries;
  while (true) {
    Entry entry{reader.array<16>(), reader.u32le(), reader.u32le()};
    if (!reader.ok()) return malformed("it has no end mark");
    if (base::all_zero(entry.guid)) return entries;
    if (entries.size() == kMostEntries) {
      return base::fail(ErrorKind::limit, "the host's certificate table has more than 32 entries");
    }
    const bool twice =
        std::any_of(entries.begin(), entries.end(), [&](const Entry& e) { return e.guid == entry.guid; });
    if (twice) return malformed("a GUID stands in it twice");
    entries.push_back(entry);
  }
}

}  // namespace

bool begins_certificate_table(ByteView bytes) {
  base::Reader reader(bytes);
  return content_of(reader.array<16>()) != Content::unknown;
}

Result<CertificateTable> parse_certificate_table(ByteView table) {
  if (table.size() > kCertificateTableCap) {
    return base::fail(ErrorKind::limit, "the host's certificate table is larger than 64 KiB");
  }
  CertificateTable out;
  if (table.empty()) return out;
  auto entries = read_header(table);
  if (!entries) return base::pass_on(entries);
  const std::size_t header = (entries->size() + 1) * kEntrySize;
  for (const Entry& entry : *entries) {
    if (entry.offset < header || entry.offset > table.size() || entry.length > table.size() - entry.offset) {
      return malformed("an entry points outside of it");
    }
    const Content content = content_of(entry.guid);
    if (content == Content::unknown) continue;
    const ByteView bytes = table.subspan(entry.offset, entry.length);
    if (content == Content::crl) {
      out.crls.push_back(base::to_bytes(bytes));
      continue;
    }
    auto certificates = certificates_from(bytes);
    if (!certificates) return malformed("an entry is neither DER nor PEM");
    out.certificates.insert(out.certificates.end(), certificates->begin(), certificates->end());
  }
  return out;
}

}  // namespace blindbox::evidence::sev_snp
