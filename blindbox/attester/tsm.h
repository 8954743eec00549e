// SPDX-License-Identifier: Apache-2.0
// Reports from configfs-tsm (Linux 6.7 and later, Documentation/ABI/testing/configfs-tsm-report).
#pragma once

#include "blindbox/attester/attester.h"

namespace blindbox::attester {

class Tsm : public Attester {
 public:
  // folder is .../tsm/report. Fails at once where another kind of machine provides the reports.
  [[nodiscard]] static Result<std::unique_ptr<Attester>> open(const std::string& folder, std::string description);

  // Makes a folder of its own for each report and removes it again, whatever happens.
  Result<evidence::Evidence> attest(const ByteArray<64>& report_data) override;
  std::string description() const override { return description_; }
  std::vector<std::string> folders() const override { return {folder_}; }

 private:
  Tsm(std::string folder, std::string description) : folder_(std::move(folder)), description_(std::move(description)) {}

  std::string folder_;
  std::string description_;
};

}  // namespace blindbox::attester
