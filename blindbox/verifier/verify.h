// SPDX-License-Identifier: Apache-2.0
// evidence + policy + now -> Verdict. Opens no socket, reads no clock and no file.
#pragma once

#include <optional>

#include "blindbox/evidence/evidence.h"
#include "blindbox/policy/policy.h"
#include "blindbox/verifier/verdict.h"

namespace blindbox::verifier {

struct Subject {
  const evidence::Evidence& evidence;
  // What REPORT_DATA must hold, from the verifier's own side of the channel. Absent: the check fails, unless
  // freshness_not_requested says that this evidence is judged away from any channel.
  std::optional<ByteArray<64>> expected_report_data{};
  bool freshness_not_requested = false;
  // What the TPM quote of an Azure VM must hold as qualifying data: that machine's place for a channel's freshness.
  std::optional<Bytes> expected_quote_data{};
  // The service manifest (canonical JSON) that the channel's binder covers; absent away from a channel.
  std::optional<ByteView> manifest{};
};

[[nodiscard]] Verdict verify(const Subject& subject, const policy::Policy& policy, base::Time now);

}  // namespace blindbox::verifier
