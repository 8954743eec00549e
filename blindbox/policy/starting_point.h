// SPDX-License-Identifier: Apache-2.0
// Policies to begin with, one per platform: safe where something is known, empty where only the owner knows.
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "blindbox/policy/policy.h"

namespace blindbox::policy {

enum class Platform { sev_snp, azure_aci, azure_vm };
inline constexpr std::array kPlatforms = {Platform::sev_snp, Platform::azure_aci, Platform::azure_vm};
[[nodiscard]] std::string_view platform_name(Platform platform);  // "sev-snp", "azure-aci", "azure-vm"
[[nodiscard]] std::optional<Platform> platform_from_name(std::string_view name);

// Accepts nothing until its measurements (or what takes their place) are filled in. Milan and
// Genoa come with the least firmware that AMD's bulletins ask for.
[[nodiscard]] Policy starting_point(Platform platform);

// SNP security patch level that mends EntrySign (AMD-SB-3019), and firmware that detects aliased memory
// (AMD-SB-3015), for Milan and Genoa. For Turin no figure is known here, and its floor is zero: the owner's to set.
[[nodiscard]] ProductPolicy bulletin_minimum(evidence::sev_snp::Product product);

}  // namespace blindbox::policy
