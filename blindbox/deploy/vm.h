// SPDX-License-Identifier: Apache-2.0
// A confidential virtual machine that runs one wrapped image: a unified kernel image and a root under dm-verity.
#pragma once

#include <optional>
#include <string_view>

#include "blindbox/deploy/deployment.h"

namespace blindbox::deploy {

enum class VmProvider { azure, aws, gcp };

// "azure-cvm", "aws-snp", "gcp-snp"; nullopt for others.
[[nodiscard]] std::optional<VmProvider> vm_provider(std::string_view name);

// What nobody may take such a machine for.
[[nodiscard]] std::string_view vm_caveat(VmProvider provider);

// build-image makes disk.raw and says what PCRs and, where the provider publishes its firmware, which launch digest to
// expect; initrd-init is what runs before blindbox-init; upload hands the disk over. deployment.policy is not used.
[[nodiscard]] std::vector<File> render_vm(const Deployment& deployment, VmProvider provider);

}  // namespace blindbox::deploy
