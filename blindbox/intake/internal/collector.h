// SPDX-License-Identifier: Apache-2.0
// Puts what the sources hold together: one report, one endorsement, one policy; equal copies are fine.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "blindbox/evidence/evidence.h"

namespace blindbox::intake::internal {

// What there can be only one of.
enum class Part { report, uvm_endorsement, security_policy, hcl_report, quote, quote_signature, pcrs };
[[nodiscard]] std::string_view part_name(Part part);

// More certificates and lists than any evidence holds are refused.
inline constexpr std::size_t kMostEndorsements = 128;

class Collector {
 public:
  // What comes next is from there.
  void enter(const std::string& source) { source_ = source; }

  // Malformed where another source, or this one, gave other bytes for it.
  [[nodiscard]] Result<void> take(Part part, ByteView bytes);
  // One that does not speak of AMD is counted and left aside.
  [[nodiscard]] Result<void> take_certificate(ByteView der);
  [[nodiscard]] Result<void> take_crl(ByteView der) { return append(evidence_.crls, der, crls_); }

  // What the source entered last was found to hold, "report, 3 certificates"; empty: nothing. Asking forgets it.
  [[nodiscard]] std::string found();

  // The evidence, once everything is in.
  [[nodiscard]] Result<evidence::Evidence> finish() &&;

 private:
  Result<void> append(std::vector<Bytes>& list, ByteView der, std::size_t& count);

  struct Held {
    Bytes bytes;
    std::string source;
  };
  std::string source_;
  std::map<Part, Held> held_;
  std::vector<Part> parts_;  // of this source
  std::size_t certificates_ = 0;
  std::size_t crls_ = 0;
  std::size_t others_ = 0;
  evidence::Evidence evidence_;
};

}  // namespace blindbox::intake::internal
