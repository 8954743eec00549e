// SPDX-License-Identifier: Apache-2.0
// The emulator as a program: mounts, says what it is, serves until it is told to stop.
#pragma once

#include <chrono>
#include <functional>
#include <optional>
#include <string>

#include "blindbox/emulator/guest.h"
#include "blindbox/emulator/key_distribution.h"

namespace blindbox::emulator {

struct Options {
  std::string folder;  // an empty folder; what a guest has appears there
  Guest guest;
  std::chrono::milliseconds latency{0};  // of a call to the processor; about 8 ms on real ones
  std::string key_folder;                // load_or_generate_keys; empty: fresh keys, and another fingerprint each time
  // Ends when the thread that started this process ends (PR_SET_PDEATHSIG): let the main thread start it.
  bool exit_with_parent = false;
  // Where given, the key distribution service is imitated too.
  std::optional<KeyDistributionOptions> key_distribution;
  // Called once when everything is served; kds_url is empty without a key distribution service.
  std::function<void(const std::string& fingerprint, const std::string& kds_url)> on_ready;
};

// Prints the banner and the fingerprint to stderr. Returns after SIGTERM, SIGINT, SIGHUP or an unmount from outside,
// with nothing left mounted; killed outright, a child of one purpose unmounts. Call it from the main thread of a process
// that has no other: it forks, and blocks those signals for as long as it runs.
[[nodiscard]] Result<void> run_emulator(const Options& options);

}  // namespace blindbox::emulator
