// SPDX-License-Identifier: Apache-2.0
#include "device.h"

#include <thread>

#include "measure.h"

namespace blindbox::bench {

attested_tls::EvidenceSource Device::source() {
  return [this](const ByteArray<64>& data) -> Result<evidence::Evidence> {
    const std::scoped_lock one(busy_);
    const double cpu = thread_cpu_ms();
    const double wall = wall_ms();
    const auto end = std::chrono::steady_clock::now() + latency_;
    evidence::Evidence evidence = processor_->evidence(guest_, data);
    std::this_thread::sleep_until(end);
    const std::scoped_lock lock(mutex_);
    ++spent_.calls;
    spent_.cpu_ms += thread_cpu_ms() - cpu;
    spent_.wall_ms += wall_ms() - wall;
    return evidence;
  };
}

Device::Spent Device::spent() const {
  const std::scoped_lock lock(mutex_);
  return spent_;
}

}  // namespace blindbox::bench
