// SPDX-License-Identifier: Apache-2.0
// The table in which a host hands certificates to a guest (GHCB 56421 rev. 2.03, section 4.1.8.1). The host wrote every
// byte of it: nothing is trusted, and nothing in it is verified here.
#pragma once

#include <vector>

#include "blindbox/base/bytes.h"

namespace blindbox::evidence::sev_snp {

// The kernel's own limit is 16 KiB; more than this is refused unread.
inline constexpr std::size_t kCertificateTableCap = 64 * 1024;

struct CertificateTable {
  std::vector<Bytes> certificates;  // VCEK, VLEK, ASK, ARK: DER, in the table's order
  std::vector<Bytes> crls;          // DER
};

// Whether the first entry has a GUID that we know.
[[nodiscard]] bool begins_certificate_table(ByteView bytes);

// An empty view, or a table that begins with its end mark, offers nothing and is fine. Unknown GUIDs are skipped.
// Malformed: no end mark, an entry that leaves the table or lies in its header, a GUID twice, something that is
// neither DER nor PEM. ErrorKind::limit: more bytes than the cap or more than 32 entries.
[[nodiscard]] Result<CertificateTable> parse_certificate_table(ByteView table);

}  // namespace blindbox::evidence::sev_snp
