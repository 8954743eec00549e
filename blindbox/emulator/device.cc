// SPDX-License-Identifier: Apache-2.0
#include "blindbox/emulator/device.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <thread>

#include "blindbox/emulator/certificate_table.h"

namespace blindbox::emulator {
namespace {

constexpr std::uint32_t kVmmBusy = 2;                // GHCB 56421, section 4.1.7
constexpr std::uint32_t kStatusInvalidParam = 0x16;  // AMD 56860, Table 25
constexpr std::uint32_t kMostVmpl = 3;

nlohmann::json base_notice() { return {{"emulated", true}, {"notice", "EMULATED, NOT A TEE"}}; }

}  // namespace

std::string Device::notice() const { return base_notice().dump(2) + "\n"; }

EmulatedDevice::EmulatedDevice(std::shared_ptr<const SecurityProcessor> processor, Guest guest,
                               std::chrono::milliseconds latency)
    : processor_(std::move(processor)), guest_(guest), latency_(latency) {
  if (guest_.host_certificates) {
    certificates_ = certificate_table(processor_->certificates(guest_), guest_.signing_key);
  }
}

Device::Answer EmulatedDevice::report(const ByteArray<64>& report_data, std::uint32_t vmpl) {
  const std::scoped_lock lock(mutex_);
  ++calls_;
  if (latency_.count() > 0) std::this_thread::sleep_for(latency_);
  Answer answer;
  if (busy_ > 0) {
    --busy_;
    answer.vmm_error = kVmmBusy;
    return answer;
  }
  if (vmpl > kMostVmpl) {
    answer.status = kStatusInvalidParam;
    return answer;
  }
  Guest asking = guest_;
  asking.vmpl = std::max(vmpl, guest_.vmpl);
  answer.report = processor_->report(asking, report_data);
  answer.certificates = certificates_;
  return answer;
}

std::string EmulatedDevice::notice() const {
  nlohmann::json out = base_notice();
  out["fingerprint"] = processor_->fingerprint();
  out["product"] = evidence::sev_snp::product_name(guest_.product);
  out["report_version"] = guest_.version;
  out["measurement"] = base::to_hex(measurement_of(guest_));
  out["device_calls"] = calls();
  return out.dump(2) + "\n";
}

std::uint64_t EmulatedDevice::calls() const {
  const std::scoped_lock lock(mutex_);
  return calls_;
}

void EmulatedDevice::be_busy(int count) {
  const std::scoped_lock lock(mutex_);
  busy_ = count;
}

}  // namespace blindbox::emulator
