// SPDX-License-Identifier: Apache-2.0
#include "blindbox/policy/lint.h"

#include <fmt/format.h>

#include <algorithm>

#include "blindbox/policy/starting_point.h"

namespace blindbox::policy {
namespace {

using evidence::sev_snp::Product;
using Level = Remark::Level;
using Remarks = std::vector<Remark>;

void say(Remarks& out, Level level, std::string where, std::string what) {
  out.push_back({level, std::move(where), std::move(what)});
}

template <typename List>
bool empty(const std::optional<List>& list) {
  return list && list->empty();
}

void judge_products(const SevSnpPolicy& policy, Remarks& out) {
  for (const auto& [product, least] : policy.products) {
    const std::string where = fmt::format("sev_snp.products.{}", evidence::sev_snp::product_name(product));
    const ProductPolicy wanted = bulletin_minimum(product);
    if (least.minimum_tcb.snp < wanted.minimum_tcb.snp) {
      say(out, Level::warning, where + ".minimum_tcb",
          fmt::format("snp {} accepts microcode loaders with the EntrySign hole (AMD-SB-3019): {} or more mends it",
                      least.minimum_tcb.snp, wanted.minimum_tcb.snp));
    } else if (least.minimum_tcb == evidence::sev_snp::Tcb{}) {
      say(out, Level::warning, where + ".minimum_tcb", "any firmware is accepted, whatever its holes");
    }
    if (wanted.minimum_firmware &&
        (!least.minimum_firmware || !least.minimum_firmware->at_least(*wanted.minimum_firmware))) {
      say(out, Level::warning, where + ".minimum_firmware",
          fmt::format("firmware before {}.{}.{} does not detect aliased memory (BadRAM, AMD-SB-3015)",
                      wanted.minimum_firmware->major, wanted.minimum_firmware->minor, wanted.minimum_firmware->build));
    }
    if (product == Product::milan && !policy.chip_ids) {
      say(out, Level::note, where,
          "keys of Milan chips are said to have been extracted (arXiv 2605.12990): list the chips, or leave Milan out");
    }
  }
}

void judge_software(const Policy& policy, Remarks& out) {
  const SevSnpPolicy& snp = policy.sev_snp;
  if (empty(snp.measurements)) {
    say(out, Level::error, "sev_snp.measurements", "the list is empty: nothing is accepted");
  }
  if (empty(snp.host_data)) say(out, Level::error, "sev_snp.host_data", "the list is empty: nothing is accepted");
  if (empty(snp.chip_ids)) say(out, Level::error, "sev_snp.chip_ids", "the list is empty: nothing is accepted");
  if (policy.azure.uvm && !snp.host_data) {
    say(out, Level::error, "sev_snp.host_data",
        "the utility VM is Microsoft's for everybody: without the container policy's hash any container is accepted");
  }
  if (!snp.chip_ids) {
    say(out, Level::note, "sev_snp.chip_ids",
        "any genuine machine is accepted, also one in the hands of somebody else (diversion)");
  }
  if (!snp.require_crl) {
    say(out, Level::note, "sev_snp.require_crl", "a revoked certificate goes unnoticed where no list is at hand");
  }
}

void judge_azure(const AzurePolicy& azure, Remarks& out) {
  if (azure.uvm && azure.uvm->minimum_svn < default_uvm().minimum_svn) {
    say(out, Level::warning, "azure.uvm.minimum_svn",
        fmt::format("below {} are utility VMs that Microsoft has replaced", default_uvm().minimum_svn));
  }
  if (azure.uvm && (azure.uvm->issuers.empty() || azure.uvm->feeds.empty())) {
    say(out, Level::error, "azure.uvm", "a list is empty: nothing is accepted");
  }
  if (!azure.vm) return;
  const auto& pcrs = azure.vm->pcrs;
  const bool begun = std::ranges::any_of(pcrs, [](const auto& pcr) { return !base::all_zero(pcr.second); });
  for (const auto& [index, value] : azure.vm->pcrs) {
    if (!base::all_zero(value)) continue;
    // Beside others that were filled in, it may well be the machine's: many boot nothing that extends PCR 11.
    say(out, begun ? Level::warning : Level::error, fmt::format("azure.vm.pcrs.{}", index),
        begun ? "zeros: nothing was measured into this PCR, or it is still to be filled in"
              : "a value of zeros is still to be filled in");
  }
}

void judge_manifest(const ManifestPolicy& manifest, Remarks& out) {
  if (empty(manifest.model_sha256)) {
    say(out, Level::error, "manifest.model_sha256", "the list is empty: nothing is accepted");
  } else if (!manifest.model_sha256) {
    say(out, Level::warning, "manifest.model_sha256", "any model may answer");
  }
}

}  // namespace

const char* level_name(Level level) {
  switch (level) {
    case Level::error: return "error";
    case Level::warning: return "warning";
    case Level::note: return "note";
  }
  return "";
}

std::vector<Remark> lint(const Policy& policy) {
  Remarks out;
  judge_products(policy.sev_snp, out);
  judge_software(policy, out);
  judge_azure(policy.azure, out);
  judge_manifest(policy.manifest, out);
  if (policy.unsafe.trust_emulator) {
    say(out, Level::error, "unsafe.trust_emulator", "EMULATED, NOT A TEE: whoever runs the server reads everything");
  }
  if (policy.unsafe.allow_incomplete_alias_check) {
    say(out, Level::error, "unsafe.allow_incomplete_alias_check", "machines with aliased memory are accepted (BadRAM)");
  }
  return out;
}

}  // namespace blindbox::policy
