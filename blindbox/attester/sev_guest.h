// SPDX-License-Identifier: Apache-2.0
// Reports from the guest driver: /dev/sev-guest (Linux 5.19 and later) or /dev/sev (the 5.x kernels of Azure's container
// instances).
#pragma once

#include <chrono>

#include "blindbox/attester/attester.h"
#include "blindbox/base/fd.h"

namespace blindbox::attester {

// Hosts throttle guests. Each wait is twice the one before: 20 ms to 2.56 s, about five seconds in all.
struct Patience {
  int tries = 9;
  std::chrono::milliseconds first_wait{20};
};

class SevGuest : public Attester {
 public:
  // sev_guest: include/uapi/linux/sev-guest.h. sev_5x: psp-sev-guest.h of the kernels before it was merged; offers no
  // certificates.
  enum class Abi { sev_guest, sev_5x };

  [[nodiscard]] static Result<std::unique_ptr<Attester>> open(const std::string& path, Abi abi, std::string description,
                                                              Patience patience = {});

  Result<evidence::Evidence> attest(const ByteArray<64>& report_data) override;
  std::string description() const override { return description_; }

 private:
  SevGuest(base::Fd device, Abi abi, std::string description, Patience patience)
      : device_(std::move(device)), abi_(abi), description_(std::move(description)), patience_(patience) {}

  struct Outcome {
    int error = 0;  // errno, or 0
    std::uint32_t firmware = 0;
    std::uint32_t vmm = 0;
  };
  Outcome call(unsigned long code, void* request, void* response);
  Result<evidence::Evidence> attest_with_certificates(const ByteArray<64>& report_data);
  Result<evidence::Evidence> attest_5x(const ByteArray<64>& report_data);
  tl::unexpected<Error> failure(const Outcome& outcome) const;
  Result<evidence::Evidence> finish(ByteView response, const ByteArray<64>& report_data, ByteView table) const;

  base::Fd device_;
  Abi abi_;
  std::string description_;
  Patience patience_;
};

}  // namespace blindbox::attester
