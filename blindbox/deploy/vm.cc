// SPDX-License-Identifier: Apache-2.0
// A confidential virtual machine of one's own: scripts that make its disk and hand it to a provider. Values of the
// deployment stand in single quotes at the head of each, and nowhere else.
#include "blindbox/deploy/vm.h"

#include <array>

#include "blindbox/deploy/internal/vm_scripts.h"

namespace blindbox::deploy {
namespace {

struct Provider {
  std::string_view name;
  std::string_view drivers;     // of its disks and networks
  std::string_view hypervisor;  // as "measure --launch-digest" takes it
  std::string_view machine;     // a kind that has SEV-SNP
  std::string_view interface;   // of evidence
  std::string_view unknown_firmware;
  const std::string_view* upload;
};

// Indexed by VmProvider.
const std::array<Provider, 3>& providers() {
  static const std::array<Provider, 3> all = {
      Provider{
          "azure-cvm", "hv_vmbus pci_hyperv hv_storvsc sd_mod hv_netvsc", "", "Standard_DC2as_v5", "auto",
          "Azure does not publish the firmware of its confidential VMs: pin a digest that you saw, by --measurement",
          &internal::kUploadAzure},
      Provider{"aws-snp", "nvme ena", "ec2", "m6a.large", "sev-guest",
               "--firmware takes what Amazon publishes at github.com/aws/uefi, built as its page says",
               &internal::kUploadAws},
      Provider{"gcp-snp", "virtio_pci virtio_scsi sd_mod nvme virtio_net gve", "gce", "n2d-standard-2", "sev-guest",
               "--firmware takes what Google publishes in the bucket gce_tcb_integrity", &internal::kUploadGcp}};
  return all;
}

const Provider& of(VmProvider provider) { return providers().at(static_cast<std::size_t>(provider)); }

// A word of a shell's.
std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return out + "'";
}

std::string set(std::string_view name, std::string_view value) {
  return std::string(name) + "=" + quoted(value) + "\n";
}

// What each script knows of the deployment; shellcheck sees one at a time.
constexpr std::string_view kHead = "#!/usr/bin/env bash\n# Written by \"blindbox deploy\"; review it before it runs.\n";
constexpr std::string_view kQuiet = "# shellcheck disable=SC2034\n";

std::string build_image(const Deployment& from, const Provider& provider) {
  return std::string(kHead) + std::string(kQuiet) + "{\n" + set("image", from.image) + set("name", from.name) +
         set("drivers", provider.drivers) + set("hypervisor", provider.hypervisor) +
         set("unknown_firmware", provider.unknown_firmware) + "}\n" + std::string(internal::kBuildImage);
}

// Variables stand in the measured initial file system, and the program gets no others.
std::string initrd(const Deployment& from, const Provider& provider) {
  std::string out =
      "#!/bin/busybox sh\n# shellcheck disable=SC2016\n" + std::string(internal::kInitrd) + "exec /bin/busybox env -i ";
  for (const auto& [name, value] : from.environment) out += quoted(name + "=" + value) + " ";
  return out + "/bin/busybox switch_root /new " + std::string(specification::kInitPath) + " --platform " +
         std::string(provider.interface) + "\n";
}

std::string upload(const Deployment& from, const Provider& provider) {
  return std::string(kHead) + std::string(kQuiet) + "{\n" + set("name", from.name) + set("size", provider.machine) +
         set("port", std::to_string(from.specification.tls_port)) + "}\n" + std::string(*provider.upload);
}

}  // namespace

std::optional<VmProvider> vm_provider(std::string_view name) {
  for (std::size_t i = 0; i < providers().size(); ++i) {
    if (providers().at(i).name == name) return static_cast<VmProvider>(i);
  }
  return std::nullopt;
}

std::string_view vm_caveat(VmProvider provider) {
  if (provider == VmProvider::azure) {
    return "the gateway cannot ask an Azure VM's TPM for evidence yet: clients will refuse what runs there";
  }
  return "the hardware's report names the firmware alone, and the TPM is the provider's: no value here binds the image "
         "against the provider";
}

std::vector<File> render_vm(const Deployment& from, VmProvider provider) {
  const Provider& to = of(provider);
  return {{"build-image", build_image(from, to), true},
          {"initrd-init", initrd(from, to), true},
          {"upload", upload(from, to), true}};
}

}  // namespace blindbox::deploy
