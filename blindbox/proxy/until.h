// SPDX-License-Identifier: Apache-2.0
// A proxy runs for weeks, and what it was told to accept may end meanwhile.
#pragma once

#include "blindbox/attested_tls/client.h"
#include "blindbox/base/clock.h"

namespace blindbox::proxy {

// complete (may be empty) up to end; from then on every attempt to connect or to attest again is
// ErrorKind::not_acceptable, before any verdict. what names the thing that ended, for the message.
[[nodiscard]] attested_tls::CompleteEvidence only_until(base::Time end, std::string what,
                                                        attested_tls::CompleteEvidence complete,
                                                        std::function<base::Time()> now = base::now);

}  // namespace blindbox::proxy
