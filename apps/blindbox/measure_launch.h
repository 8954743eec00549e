// SPDX-License-Identifier: Apache-2.0
// What "blindbox measure --launch-digest" is told, and what comes of it.
#pragma once

#include <CLI/CLI.hpp>
#include <optional>
#include <string>

#include "blindbox/base/digest.h"

namespace blindbox::apps {

struct LaunchOptions {
  bool wanted = false;
  std::optional<std::string> firmware, kernel, initrd, firmware_digest;
  std::string append;
  std::uint32_t vcpus = 1;
  std::optional<std::string> vcpu_type;
  std::optional<std::uint32_t> vcpu_signature, vcpu_family, vcpu_model, vcpu_stepping;
  std::uint64_t guest_features = 1;
  std::string mode = "snp";
  std::string hypervisor = "qemu";
  std::optional<std::string> svsm, vars_file;
  std::optional<std::uint64_t> vars_size;
};

// options has to outlive the command.
void add_launch_options(CLI::App& command, LaunchOptions& options);

struct LaunchValues {
  Bytes digest;                          // 48 bytes of SEV-SNP, 32 of those before it
  std::optional<base::Sha384> firmware;  // after the firmware's pages; SEV-SNP alone
};
// ErrorKind::usage for options that contradict each other, and what measure::launch_digest says.
[[nodiscard]] Result<LaunchValues> launch_values(const LaunchOptions& options);

}  // namespace blindbox::apps
