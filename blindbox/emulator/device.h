// SPDX-License-Identifier: Apache-2.0
// What a guest's kernel can ask of the security processor and of the host.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>

#include "blindbox/emulator/security_processor.h"

namespace blindbox::emulator {

// An interface, so that a test can put a hostile host in its place.
class Device {
 public:
  struct Answer {
    std::uint32_t vmm_error = 0;  // from the hypervisor; anything but 0 and there is no report
    std::uint32_t status = 0;     // of MSG_REPORT_RSP
    Bytes report;
    Bytes certificates;  // the table of GHCB 56421 section 4.1.8.1, or empty
  };

  Device() = default;
  Device(const Device&) = delete;
  Device& operator=(const Device&) = delete;
  virtual ~Device() = default;

  [[nodiscard]] virtual Answer report(const ByteArray<64>& report_data, std::uint32_t vmpl) = 0;
  // What configfs-tsm calls the driver.
  [[nodiscard]] virtual std::string provider() const { return "sev_guest"; }
  // The contents of emulator.json.
  [[nodiscard]] virtual std::string notice() const;
};

// One guest on one emulated processor. Calls come one after the other and take their time, as on the real one, which
// all guests of a host share.
class EmulatedDevice : public Device {
 public:
  EmulatedDevice(std::shared_ptr<const SecurityProcessor> processor, Guest guest,
                 std::chrono::milliseconds latency = std::chrono::milliseconds(0));

  Answer report(const ByteArray<64>& report_data, std::uint32_t vmpl) override;
  std::string notice() const override;

  // How many reports were asked for.
  [[nodiscard]] std::uint64_t calls() const;
  // The next count calls find the host busy.
  void be_busy(int count);

 private:
  std::shared_ptr<const SecurityProcessor> processor_;
  Guest guest_;
  std::chrono::milliseconds latency_;
  Bytes certificates_;
  mutable std::mutex mutex_;
  std::uint64_t calls_ = 0;
  int busy_ = 0;
};

}  // namespace blindbox::emulator
