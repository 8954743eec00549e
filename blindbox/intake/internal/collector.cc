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
    case Part::manifest: return "service manifest";
  }
  return "unknown";
}

void Collector::enter(const std::string& source) {
  source_ = source;
  doubt_.clear();
}

void Collector::doubt(std::string why) {
  if (doubt_.empty()) doubt_ = std::move(why);
}

std::string Collector::take_doubt() { return std::exchange(doubt_, {}); }

Result<void> Collector::take_pcrs(const evidence::azure_vm::PcrValues& values) {
  pcrs_ = true;
  return tpm_.take(values, source_);
}

void Collector::take_pcr_list(ByteView values) {
  pcrs_ = true;
  tpm_.take_list(values, source_);
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

namespace {

// Evidence comes with certificates and lists of other authorities, a TPM's or a server's: they are no part of AMD's.
bool is_of_amd(ByteView der) {
  const std::string_view text = base::as_text(der);
  const auto says = [text](std::string_view name) { return text.find(name) != std::string_view::npos; };
  return says("SEV-") || says("ARK-") || says("Advanced Micro Devices");
}

}  // namespace

Result<void> Collector::take_certificate(ByteView der) {
  if (is_of_amd(der)) return append(evidence_.certificates, der, certificates_);
  ++others_;
  return {};
}

Result<void> Collector::take_crl(ByteView der) {
  if (is_of_amd(der)) return append(evidence_.crls, der, crls_);
  ++other_crls_;
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
  if (std::exchange(pcrs_, false)) text += text.empty() ? "PCR values" : ", PCR values";
  const auto counted = [&text](std::size_t& count, const char* one, const char* many) {
    if (count == 0) return;
    text += (text.empty() ? "" : ", ") + std::to_string(count) + (count == 1 ? one : many);
    count = 0;
  };
  counted(certificates_, " certificate", " certificates");
  counted(crls_, " revocation list", " revocation lists");
  counted(others_, " certificate of somebody else's", " certificates of somebody else's");
  counted(other_crls_, " revocation list of somebody else's", " revocation lists of somebody else's");
  if (!text.empty()) tpm_.withdraw(source_);
  return text;
}

Bytes Collector::move_out(Part part) {
  const auto held = held_.find(part);
  return held == held_.end() ? Bytes{} : std::move(held->second.bytes);
}

Result<void> Collector::settle() {
  vm_.hcl_report = move_out(Part::hcl_report);
  vm_.quote = move_out(Part::quote);
  vm_.quote_signature = move_out(Part::quote_signature);
  return tpm_.settle(vm_);
}

Result<Collected> Collector::finish() && {
  evidence_.report = move_out(Part::report);
  evidence_.uvm_endorsement = move_out(Part::uvm_endorsement);
  evidence_.security_policy = move_out(Part::security_policy);
  // Without a quote or an HCL report, signatures and PCR values are about something else.
  if (!vm_.hcl_report.empty() || !vm_.quote.empty()) evidence_.azure_vm = std::move(vm_);
  if (evidence_.report.empty()) {
    return base::fail(ErrorKind::malformed, "there is no SEV-SNP report among the sources", "",
                      "a confidential guest asks its device for one; certificates and policies alone prove nothing");
  }
  return Collected{.evidence = std::move(evidence_), .manifest = move_out(Part::manifest)};
}

}  // namespace blindbox::intake::internal
