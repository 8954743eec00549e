// SPDX-License-Identifier: Apache-2.0
// Releases as a policy: what to accept of the hardware, filled in with what the releases promise of the software.
#pragma once

#include "blindbox/policy/policy.h"
#include "blindbox/release/release.h"

namespace blindbox::release {

// platform: one of the releases' own; empty where all of them name a single one. demands: what is asked beside the software,
// such as the least firmware; where it is null, the platform's starting point. A list that is filled in there stays a
// demand: only what both name is accepted. Measurements and host data are lists of their own in a policy, so with two
// releases the one's measurement is accepted with the other's host data.
//
// ErrorKind::usage where the platform must be named, ErrorKind::policy where demands and the releases have nothing in common.
[[nodiscard]] Result<policy::Policy> expect(const std::vector<Release>& releases, const std::string& platform,
                                            const policy::Policy* demands);

}  // namespace blindbox::release
