// SPDX-License-Identifier: Apache-2.0
// Whatever a host puts into its certificate table: no more bytes out than came in, and what was accepted is accepted
// again, as the same bytes, when it is written as a table of its own.
#include <string>

#include "blindbox/evidence/sev_snp/certificate_table.h"
#include "tests/fuzz/fuzz.h"

namespace {

using blindbox::Bytes;
using blindbox::ByteView;

void put_u32(Bytes& out, std::size_t value) {
  for (unsigned shift = 0; shift < 32; shift += 8) out.push_back(static_cast<std::byte>(value >> shift));
}

// A table of one VCEK entry.
Bytes table_of(ByteView certificate) {
  Bytes out = blindbox::base::from_hex("63da758de6644564adc5f4b93be8accd").value();
  put_u32(out, 48);
  put_u32(out, certificate.size());
  out.resize(48);
  out.insert(out.end(), certificate.begin(), certificate.end());
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using blindbox::evidence::sev_snp::kCertificateTableCap;
  using blindbox::evidence::sev_snp::parse_certificate_table;
  using blindbox::fuzz::must;
  const auto table = parse_certificate_table(blindbox::fuzz::input(data, size));
  if (!table) return 0;
  must(size <= kCertificateTableCap, "the cap holds");
  for (const Bytes& crl : table->crls) must(crl.size() <= size, "a CRL is part of the table");
  for (const Bytes& certificate : table->certificates) {
    must(certificate.size() <= size, "a certificate is part of the table");
    if (certificate.size() + 48 > kCertificateTableCap) continue;
    const auto again = parse_certificate_table(table_of(certificate));
    must(again && again->certificates == std::vector<Bytes>{certificate}, "a certificate is one by itself");
  }
  return 0;
}
