// SPDX-License-Identifier: Apache-2.0
#include "blindbox/evidence/secondary.h"

#include "blindbox/evidence/cbor.h"

namespace blindbox::evidence {
namespace {

constexpr std::uint64_t kProbe = 1;

}  // namespace

Bytes encode_secondary(const Secondary& secondary) {
  if (secondary.probe.empty()) return {};
  CborWriter out;
  out.map(1);
  out.unsigned_integer(kProbe);
  out.bytes(secondary.probe);
  return out.take();
}

Result<Secondary> decode_secondary(ByteView cbor) {
  Secondary secondary;
  if (cbor.empty()) return secondary;
  CborReader in(cbor);
  if (in.map() != 1 || in.key(std::nullopt) != kProbe) in.refuse("the one key there is yet is 1");
  secondary.probe = base::to_bytes(in.bytes());
  if (in.ok() && secondary.probe.empty()) in.refuse("an empty value that should be left out");
  if (const std::string problem = in.finish(); !problem.empty()) {
    return base::fail(ErrorKind::malformed, "malformed secondary evidence", problem);
  }
  return secondary;
}

}  // namespace blindbox::evidence
