// SPDX-License-Identifier: Apache-2.0
// What can be asked of the service (AMD 57230, chapter "KDS interface"), and by which names answers are kept.
#pragma once

#include <string>

#include "blindbox/evidence/sev_snp/report.h"

namespace blindbox::kds {

using evidence::sev_snp::Product;
using evidence::sev_snp::SigningKey;
using evidence::sev_snp::Tcb;

enum class What { vcek, chain, crl };

struct Request {
  What what = What::vcek;
  SigningKey kind = SigningKey::vcek;  // whose chain or list; a VLEK itself is never asked for
  Product product = Product::milan;
  // Of a VCEK: 64 bytes, 8 on Turin; and the TCB that the key was derived from.
  Bytes hwid{};
  Tcb tcb{};
};

// A VCEK by chip and TCB. The chip's id is the report's CHIP_ID, of which Turin uses the first 8 bytes.
[[nodiscard]] Request vcek_request(Product product, const ByteArray<64>& chip_id, std::uint64_t reported_tcb);

// Path and query: "/vcek/v1/Milan/cert_chain".
[[nodiscard]] std::string target(const Request& request);
// For messages: "the VCEK (Milan)".
[[nodiscard]] std::string describe(const Request& request);
// A file's name, one for each answer that differs.
[[nodiscard]] std::string cache_name(const Request& request);
// The largest answer that is read: 16 KiB, 64 KiB for a chain, 1 MiB for a list.
[[nodiscard]] std::size_t body_cap(What what);

}  // namespace blindbox::kds
