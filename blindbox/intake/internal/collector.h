// SPDX-License-Identifier: Apache-2.0
// Puts what the sources hold together: one report, one endorsement, one policy; equal copies are fine.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "blindbox/evidence/evidence.h"
#include "blindbox/intake/internal/tpm_parts.h"

namespace blindbox::intake::internal {

// What there can be only one of.
enum class Part { report, uvm_endorsement, security_policy, hcl_report, quote, quote_signature, manifest };
[[nodiscard]] std::string_view part_name(Part part);

// More certificates and lists than any evidence holds are refused.
inline constexpr std::size_t kMostEndorsements = 128;

struct Collected {
  evidence::Evidence evidence;
  Bytes manifest;
};

class Collector {
 public:
  // What comes next is from there.
  void enter(const std::string& source);

  // Malformed where another source, or this one, gave other bytes for it.
  [[nodiscard]] Result<void> take(Part part, ByteView bytes);
  // One that does not speak of AMD is counted and left aside.
  [[nodiscard]] Result<void> take_certificate(ByteView der);
  [[nodiscard]] Result<void> take_crl(ByteView der);
  // PCR values that say which they are, or a list of them for the quote to tell.
  [[nodiscard]] Result<void> take_pcrs(const evidence::azure_vm::PcrValues& values);
  void take_pcr_list(ByteView values);
  // Bytes without a mark, which a quote may tell to be its signature or PCR values.
  void offer(ByteView bytes) { tpm_.offer(bytes, source_); }

  // Why something of the source entered last is left aside; the first reason is kept.
  void doubt(std::string why);
  // That reason, empty for none; asking forgets it.
  [[nodiscard]] std::string take_doubt();

  // What the source entered last was found to hold, "report, 3 certificates"; empty: nothing. Asking forgets it.
  [[nodiscard]] std::string found();

  // Once everything is in: gives the offers their place. Malformed as TpmParts::settle.
  [[nodiscard]] Result<void> settle();
  // What the offers of a source were taken for; empty: nothing.
  [[nodiscard]] std::string settled(const std::string& source) const { return tpm_.settled(source); }
  // The evidence, behind settle().
  [[nodiscard]] Result<Collected> finish() &&;

 private:
  Result<void> append(std::vector<Bytes>& list, ByteView der, std::size_t& count);
  Bytes move_out(Part part);

  struct Held {
    Bytes bytes;
    std::string source;
  };
  std::string source_;
  std::string doubt_;
  std::map<Part, Held> held_;
  std::vector<Part> parts_;  // of this source
  std::size_t certificates_ = 0;
  std::size_t crls_ = 0;
  std::size_t others_ = 0;
  std::size_t other_crls_ = 0;
  bool pcrs_ = false;
  TpmParts tpm_;
  evidence::AzureVm vm_;
  evidence::Evidence evidence_;
};

}  // namespace blindbox::intake::internal
