// SPDX-License-Identifier: Apache-2.0
#include "blindbox/policy/starting_point.h"

namespace blindbox::policy {
namespace {

using evidence::sev_snp::FirmwareVersion;
using evidence::sev_snp::Product;

constexpr std::uint64_t kCurrentUvmSvn = 104;

}  // namespace

std::string_view platform_name(Platform platform) {
  switch (platform) {
    case Platform::sev_snp: return "sev-snp";
    case Platform::azure_aci: return "azure-aci";
    case Platform::azure_vm: return "azure-vm";
  }
  return "";
}

std::optional<Platform> platform_from_name(std::string_view name) {
  for (const Platform platform : kPlatforms) {
    if (platform_name(platform) == name) return platform;
  }
  return std::nullopt;
}

ProductPolicy bulletin_minimum(Product product) {
  ProductPolicy out;
  if (product == Product::milan) {
    out.minimum_tcb.snp = 0x18;
    out.minimum_firmware = FirmwareVersion{.build = 22, .minor = 55, .major = 1};
  } else if (product == Product::genoa) {
    out.minimum_tcb.snp = 0x17;
    out.minimum_firmware = FirmwareVersion{.build = 38, .minor = 55, .major = 1};
  }
  return out;
}

Policy starting_point(Platform platform) {
  Policy out;
  for (const Product product : evidence::sev_snp::kProducts) {
    out.sev_snp.products[product] = bulletin_minimum(product);
  }
  out.manifest.model_sha256.emplace();
  if (platform == Platform::azure_aci) {
    // Microsoft's endorsement vouches for the utility VM; the container policy is the owner's to name.
    out.sev_snp.measurements.reset();
    out.sev_snp.host_data.emplace();
    out.azure.uvm = default_uvm();
    out.azure.uvm->minimum_svn = kCurrentUvmSvn;
  }
  if (platform == Platform::azure_vm) {
    // The launch digest is the paravisor's; the owner's software shows in the PCRs. 4: boot loader, 11: unified kernel.
    out.azure.vm = AzureVmPolicy{{{4, {}}, {11, {}}}};
  }
  return out;
}

}  // namespace blindbox::policy
