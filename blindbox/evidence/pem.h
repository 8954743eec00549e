// SPDX-License-Identifier: Apache-2.0
// Certificates as hosts hand them out.
#pragma once

#include <vector>

#include "blindbox/base/bytes.h"

namespace blindbox::evidence {

// DER of every CERTIFICATE in the text, in its order, as it was encoded. Malformed: none, more than eight, other
// kinds of block, or one that does not decode.
[[nodiscard]] Result<std::vector<Bytes>> certificates_from_pem(ByteView text);

// One DER object (a SEQUENCE that fills the bytes) as it is, or PEM. Nothing else is looked at.
[[nodiscard]] Result<std::vector<Bytes>> certificates_from(ByteView der_or_pem);

}  // namespace blindbox::evidence
