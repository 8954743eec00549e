// SPDX-License-Identifier: Apache-2.0
// Whatever a host puts into its certificate table: no crash, no more bytes out than came in, and what was accepted is
// accepted again when it is written as a table of its own.
#include <cstdlib>
#include <string>

#include "blindbox/attester/certificate_table.h"

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

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* data, std::size_t size) {
  const ByteView input = std::as_bytes(std::span(data, size));
  const auto table = blindbox::attester::parse_certificate_table(input);
  if (!table) return 0;
  if (size > blindbox::attester::kCertificateTableCap) std::abort();
  for (const Bytes& certificate : table->certificates) {
    if (certificate.size() > size) std::abort();
    if (certificate.size() + 48 > blindbox::attester::kCertificateTableCap) continue;
    const auto again = blindbox::attester::parse_certificate_table(table_of(certificate));
    if (!again || again->certificates.size() != 1 || again->certificates[0] != certificate) std::abort();
  }
  for (const Bytes& crl : table->crls) {
    if (crl.size() > size) std::abort();
  }
  return 0;
}
