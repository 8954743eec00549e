// SPDX-License-Identifier: Apache-2.0
// Asks the platform for evidence. Nothing that comes back is verified here: the verifier is somebody else's machine.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "blindbox/attester/platform.h"
#include "blindbox/base/bytes.h"
#include "blindbox/evidence/evidence.h"

namespace blindbox::attester {

class Attester {
 public:
  Attester() = default;
  Attester(const Attester&) = delete;
  Attester& operator=(const Attester&) = delete;
  virtual ~Attester() = default;

  // Blocks for a call to the security processor (about 8 ms, and retries while the host is busy). One thread at a
  // time. The report is as long as a report is and holds report_data; certificates are whatever the platform offers.
  [[nodiscard]] virtual Result<evidence::Evidence> attest(const ByteArray<64>& report_data) = 0;

  // For logs and banners: which interface, and where. An emulator's begins with "EMULATED".
  [[nodiscard]] virtual std::string description() const = 0;

  // The folders in which attest() makes, reads, writes and removes files: all that whoever asks must leave open to it.
  [[nodiscard]] virtual std::vector<std::string> folders() const { return {}; }
};

// ErrorKind::platform names everything that was looked for. An explicit choice never falls back on another.
[[nodiscard]] Result<std::unique_ptr<Attester>> open_attester(const Platform& platform);

}  // namespace blindbox::attester
