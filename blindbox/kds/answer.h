// SPDX-License-Identifier: Apache-2.0
// Reads what the service, or a file that claims to come from it, said: is this what was asked for, if it is genuine?
// Whether it is genuine is the verifier's to say.
#pragma once

#include <vector>

#include "blindbox/base/clock.h"
#include "blindbox/kds/request.h"

namespace blindbox::kds {

struct Answer {
  std::vector<Bytes> objects;  // DER: the VCEK; intermediate and root; the list
  base::Time good_until{};  // the end of a certificate's validity, the earliest one's in a chain; a list's next update
};

// DER or PEM, whatever the service says that it is. Malformed, with the reason: anything but the VCEK of this chip and
// TCB, the chain of this product and kind, or a list in the name of the product's root.
[[nodiscard]] Result<Answer> read_answer(const Request& request, ByteView body);

}  // namespace blindbox::kds
