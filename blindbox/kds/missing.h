// SPDX-License-Identifier: Apache-2.0
// Which endorsements a piece of evidence lacks, and whether they can be asked for.
#pragma once

#include <vector>

#include "blindbox/evidence/evidence.h"
#include "blindbox/kds/request.h"

namespace blindbox::kds {

struct Missing {
  // By the report or by the certificates that are there. A report of version 2 names no product, and without a
  // certificate both of the products that have such reports come into question.
  std::vector<Product> products;
  SigningKey kind = SigningKey::vcek;
  ByteArray<64> chip_id{};
  std::uint64_t reported_tcb = 0;
  bool leaf = false;
  bool intermediate = false;
  bool root = false;
  bool crl = false;
  [[nodiscard]] bool nothing() const { return !leaf && !intermediate && !root && !crl; }
};

// crl_wanted: a revocation list counts as missing where there is none. Nothing is missing from evidence that no
// endorsement can save (it does not parse, no key of a chip or provider signed it, its processor is unknown): the
// verifier says what is wrong with it. ErrorKind::network where something is missing that cannot be had from AMD: a
// VLEK, or the VCEK of a chip that the report does not name.
[[nodiscard]] Result<Missing> find_missing(const evidence::Evidence& evidence, bool crl_wanted);

}  // namespace blindbox::kds
