// SPDX-License-Identifier: Apache-2.0
// The policy.yml that a client needs for one server, made from that server's own evidence and manifest.
#pragma once

#include "blindbox/evidence/evidence.h"
#include "blindbox/evidence/manifest.h"
#include "blindbox/policy/policy.h"
#include "blindbox/wrap/inspect.h"

namespace blindbox::apps {

// Pins measurement, host data, product with its reported TCB as the floor, model and software version; for an
// emulated guest also the emulator's root. The evidence is not verified here: a client that uses the policy does that.
[[nodiscard]] Result<policy::Policy> client_policy(const evidence::Evidence& evidence,
                                                   const evidence::ServiceManifest& manifest, bool emulated);

// What a wrapped image's manifest will say: this specification, this version, the least tier that it takes or a stronger
// one, and no model.
[[nodiscard]] policy::ManifestPolicy manifest_of_wrapped(const wrap::Inspection& inspection);

}  // namespace blindbox::apps
