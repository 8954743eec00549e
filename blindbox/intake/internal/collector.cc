// SPDX-License-Identifier: Apache-2.0
#include "blindbox/intake/internal/collector.h"

#include <algorithm>
#include <utility>

#include "blindbox/evidence/sev_snp/report.h"

namespace blindbox::intake::internal {

std::string_view part_name(Part part) {
  switch (part) {
    case Part::report: return "SEV-SNP report";
    case Part::uvm_endorsement: return "UVM endorsement";
    case Part::security_policy: return "container policy";
    case Part::hcl_report: return "HCL report";
    case Part::quote: return "TPM quote";
    case Part::quote_signature: return "TPM quote's signature";
    case Part::pcrs: return "PCR values";
  }
  return "unknown";
}

Result<void> Collector::take(Part part, ByteView bytes) {
  const std::string name(part_name(part));
  if (std::ranges::find(parts_, part) == parts_.end()) parts_.push_back(part);
  const auto [held, fresh] = held_.try_emplace(part, Held{base::to_bytes(bytes), source_});
  if (fresh || std::ranges::equal(held->second.bytes, bytes)) return {};
  const std::string& other = held->second.source;
  return base::fail(ErrorKind::malformed,
                    other == source_ ? source_ + " holds two different values: " + name
                                     : other + " and " + source_ + " differ: " + name,
                    "evidence has one at most", "give the files of one machine and one moment");
}

Result<void> Collector::take_certificate(ByteView der) {
  // Evidence comes with certificates of other authorities, a TPM's or a server's: they are no part of AMD's chain.
  const std::string_view text = base::as_text(der);
  const auto says = [text](std::string_view name) { return text.find(name) != std::string_view::npos; };
  if (says("SEV-") || says("ARK-") || says("Advanced Micro Devices")) {
    return append(evidence_.certificates, der, certificates_);
  }
  ++others_;
  return {};
}

Result<void> Collector::append(std::vector<Bytes>& list, ByteView der, std::size_t& count) {
  ++count;
  const bool known = std::ranges::any_of(list, [&](const Bytes& other) { return std::ranges::equal(other, der); });
  if (known) return {};
  if (list.size() == kMostEndorsements) {
    return base::fail(ErrorKind::malformed,
                      source_ + ": more than " + std::to_string(kMostEndorsements) + " certificates or lists");
  }
  list.push_back(base::to_bytes(der));
  return {};
}

std::string Collector::found() {
  std::string text;
  for (const Part part : std::exchange(parts_, {})) text += (text.empty() ? "" : ", ") + std::string(part_name(part));
  const auto counted = [&text](std::size_t& count, const char* one, const char* many) {
    if (count == 0) return;
    text += (text.empty() ? "" : ", ") + std::to_string(count) + (count == 1 ? one : many);
    count = 0;
  };
  counted(certificates_, " certificate", " certificates");
  counted(crls_, " revocation list", " revocation lists");
  counted(others_, " certificate of somebody else's", " certificates of somebody else's");
  return text;
}

Result<evidence::Evidence> Collector::finish() && {
  const auto move_out = [this](Part part) {
    const auto held = held_.find(part);
    return held == held_.end() ? Bytes{} : std::move(held->second.bytes);
  };
  evidence_.report = move_out(Part::report);
  evidence_.uvm_endorsement = move_out(Part::uvm_endorsement);
  evidence_.security_policy = move_out(Part::security_policy);
  evidence::AzureVm vm{.hcl_report = move_out(Part::hcl_report),
                       .quote = move_out(Part::quote),
                       .quote_signature = move_out(Part::quote_signature),
                       .pcrs = {}};
  const Bytes pcrs = move_out(Part::pcrs);
  for (std::size_t at = 0; at + 32 <= pcrs.size(); at += 32) {
    std::copy_n(pcrs.begin() + static_cast<std::ptrdiff_t>(at), 32, vm.pcrs.emplace_back().begin());
  }
  // A signature and PCR values are told by their size alone: without a quote or an HCL report they are something else.
  if (!vm.hcl_report.empty() || !vm.quote.empty()) {
    evidence_.azure_vm = std::move(vm);
  }
  if (evidence_.report.empty()) {
    return base::fail(ErrorKind::malformed, "there is no SEV-SNP report among the sources", "",
                      "a confidential guest asks its device for one; certificates and policies alone prove nothing");
  }
  return std::move(evidence_);
}

}  // namespace blindbox::intake::internal
