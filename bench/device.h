// SPDX-License-Identifier: Apache-2.0
// The emulated security processor as a source of evidence, in this process: each report is signed for its own report
// data, and what the signing cost is kept apart, because on a real machine another processor does it.
#pragma once

#include <mutex>

#include "blindbox/attested_tls/responder.h"
#include "blindbox/emulator/testing.h"

namespace blindbox::bench {

class Device {
 public:
  // latency: how long a call takes in all. Zero: as long as the signing takes.
  explicit Device(std::chrono::milliseconds latency = std::chrono::milliseconds(0)) : latency_(latency) {}

  // Calls from any thread, one at a time. The device outlives the source.
  [[nodiscard]] attested_tls::EvidenceSource source();

  [[nodiscard]] const emulator::SecurityProcessor& processor() const { return *processor_; }
  [[nodiscard]] const emulator::Guest& guest() const { return guest_; }
  struct Spent {
    std::uint64_t calls = 0;
    double cpu_ms = 0;
    double wall_ms = 0;
  };
  [[nodiscard]] Spent spent() const;

 private:
  std::shared_ptr<const emulator::SecurityProcessor> processor_ = emulator::test_processor();
  emulator::Guest guest_;
  std::chrono::milliseconds latency_;
  std::mutex busy_;           // one call at a time, as on the real one
  mutable std::mutex mutex_;  // of spent_
  Spent spent_;
};

}  // namespace blindbox::bench
