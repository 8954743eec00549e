// SPDX-License-Identifier: Apache-2.0
// Azure container instances: the report comes from the device, what goes with it from the security context directory.
#pragma once

#include "blindbox/attester/attester.h"

namespace blindbox::attester {

class Azure : public Attester {
 public:
  // Reads folder's files now, and not again: host-amd-cert-base64 (certificates) and reference-info-base64 (the UVM
  // endorsement). Either may be missing, and others may be there; one that is there must be well-formed.
  [[nodiscard]] static Result<std::unique_ptr<Attester>> open(const std::string& folder,
                                                              std::unique_ptr<Attester> device);

  // The directory's certificates, or where it has none the device's.
  Result<evidence::Evidence> attest(const ByteArray<64>& report_data) override;
  std::string description() const override;
  std::vector<std::string> folders() const override { return device_->folders(); }

 private:
  Azure(std::string folder, std::unique_ptr<Attester> device)
      : folder_(std::move(folder)), device_(std::move(device)) {}

  std::string folder_;
  std::unique_ptr<Attester> device_;
  std::vector<Bytes> certificates_;
  Bytes uvm_endorsement_;
};

}  // namespace blindbox::attester
