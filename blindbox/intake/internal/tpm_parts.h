// SPDX-License-Identifier: Apache-2.0
// PCR values and signatures as tools write them: bytes without a mark of their own, or lists that leave out which PCR is
// which. Only the quote beside them tells what they are, so they wait for it.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "blindbox/evidence/evidence.h"

namespace blindbox::intake::internal {

class TpmParts {
 public:
  // Values that say which PCR they are of. Malformed: another source said otherwise.
  [[nodiscard]] Result<void> take(const evidence::azure_vm::PcrValues& values, const std::string& source);
  // Values one after another: those that the quote selects, or the SHA-256 bank from PCR 0 on.
  void take_list(ByteView values, const std::string& source);
  // Perhaps a signature or such a list, and perhaps nothing at all.
  void offer(ByteView bytes, const std::string& source);
  // The source turned out to be something else.
  void withdraw(const std::string& source);

  // Puts them where they belong, in the light of vm's HCL report and quote. Malformed: two that differ, or values that
  // cannot be those of the quote.
  [[nodiscard]] Result<void> settle(evidence::AzureVm& vm);

  // What settling has taken the offers of a source for; empty: nothing.
  [[nodiscard]] std::string settled(const std::string& source) const;

 private:
  struct Part {
    Bytes bytes;
    std::string source;
  };
  struct Light;  // what the quote and the HCL report tell
  [[nodiscard]] Result<void> settle_list(const Part& part, const Light& light);
  [[nodiscard]] Result<void> settle_quoted(const Light& light);
  [[nodiscard]] Result<void> settle_signature(evidence::AzureVm& vm, const Light& light);
  [[nodiscard]] Result<void> settle_sized(const Light& light);
  [[nodiscard]] bool is_settled(const Part& part) const { return settled_.contains(part.source); }

  std::map<evidence::azure_vm::Pcr, Part> values_;
  std::vector<Part> lists_;
  std::vector<Part> offers_;
  std::map<std::string, std::string> settled_;  // source -> form
};

}  // namespace blindbox::intake::internal
