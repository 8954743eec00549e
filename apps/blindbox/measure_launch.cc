// SPDX-License-Identifier: Apache-2.0
#include "measure_launch.h"

#include <algorithm>

#include "blindbox/base/file.h"
#include "blindbox/measure/launch_digest.h"

namespace blindbox::apps {
namespace {

using base::fail;
using measure::Hypervisor;
using measure::SevMode;

Result<base::Sha256> hash_file(const std::optional<std::string>& path) {
  return path ? base::sha256_file(*path) : Result<base::Sha256>(base::sha256({}));
}

Result<std::uint32_t> signature_of(const LaunchOptions& from) {
  const bool numbers = from.vcpu_family || from.vcpu_model || from.vcpu_stepping;
  if (static_cast<int>(from.vcpu_type.has_value()) + static_cast<int>(from.vcpu_signature.has_value()) +
          static_cast<int>(numbers) >
      1) {
    return fail(ErrorKind::usage, "--vcpu-type, --vcpu-signature and --vcpu-family say the same: give one of them");
  }
  if (from.vcpu_signature) return *from.vcpu_signature;
  if (!numbers) return measure::cpu_signature(from.vcpu_type.value_or("EPYC-v4"));
  if (!from.vcpu_family || !from.vcpu_model || !from.vcpu_stepping) {
    return fail(ErrorKind::usage, "--vcpu-family, --vcpu-model and --vcpu-stepping belong together");
  }
  return measure::cpu_signature(*from.vcpu_family, *from.vcpu_model, *from.vcpu_stepping);
}

Result<void> add_kernel(const LaunchOptions& from, measure::LaunchInput& input) {
  if (!from.kernel && (from.initrd || !from.append.empty())) {
    return fail(ErrorKind::usage, "--initrd and --append need --kernel", "",
                "a guest that boots from a disk is launched without any of them");
  }
  if (!from.kernel) return {};
  const auto kernel = hash_file(from.kernel);
  if (!kernel) return tl::unexpected(kernel.error());
  const auto initrd = hash_file(from.initrd);
  if (!initrd) return tl::unexpected(initrd.error());
  input.kernel = measure::DirectBoot{*kernel, *initrd, measure::hash_cmdline(from.append)};
  return {};
}

// The bytes of the firmware's variables: of a file, only its size counts.
Result<std::uint64_t> variables_of(const LaunchOptions& from) {
  if (from.vars_file.has_value() == from.vars_size.has_value()) {
    return fail(ErrorKind::usage, "--mode snp:svsm needs --vars-file FILE or --vars-size BYTES, and not both", "",
                "QEMU puts the SVSM below the firmware's variables, so their size decides where");
  }
  if (from.vars_size) return *from.vars_size;
  const auto bytes = base::read_file(*from.vars_file, measure::kFirmwareCap);
  if (!bytes) return tl::unexpected(bytes.error());
  return bytes->size();
}

// image holds what the input points to.
Result<void> add_svsm(const LaunchOptions& from, measure::LaunchInput& input, Bytes& image) {
  if (from.mode != "snp:svsm") {
    if (!from.svsm && !from.vars_file && !from.vars_size) return {};
    return fail(ErrorKind::usage, "--svsm, --vars-file and --vars-size need --mode snp:svsm");
  }
  if (!from.svsm) return fail(ErrorKind::usage, "--mode snp:svsm needs --svsm FILE");
  const auto variables = variables_of(from);
  if (!variables) return tl::unexpected(variables.error());
  auto read = base::read_file(*from.svsm, measure::kFirmwareCap);
  if (!read) return tl::unexpected(read.error());
  image = std::move(*read);
  input.svsm = measure::Svsm{image, *variables};
  return {};
}

Result<void> add_firmware_digest(const LaunchOptions& from, measure::LaunchInput& input) {
  if (!from.firmware_digest) return {};
  const auto bytes = base::from_hex(*from.firmware_digest);
  base::Sha384 digest{};
  if (!bytes || bytes->size() != digest.size()) {
    return fail(ErrorKind::usage, "--firmware-digest wants 96 hexadecimal digits", *from.firmware_digest,
                "\"blindbox measure --launch-digest\" prints it of the firmware that it was made of");
  }
  std::ranges::copy(*bytes, digest.begin());
  input.firmware = digest;
  return {};
}

}  // namespace

Result<LaunchValues> launch_values(const LaunchOptions& options) {
  if (!options.firmware) return fail(ErrorKind::usage, "--launch-digest needs --firmware FILE");
  measure::LaunchInput input;
  input.mode = options.mode == "sev" ? SevMode::sev : options.mode == "sev-es" ? SevMode::sev_es : SevMode::sev_snp;
  input.hypervisor = options.hypervisor == "ec2"   ? Hypervisor::ec2
                     : options.hypervisor == "gce" ? Hypervisor::gce
                                                   : Hypervisor::qemu;
  input.vcpus = options.vcpus;
  input.guest_features = options.guest_features;
  const auto signature = signature_of(options);
  if (!signature) return tl::unexpected(signature.error());
  input.cpu_signature = *signature;
  Bytes svsm;
  for (const auto& added :
       {add_kernel(options, input), add_firmware_digest(options, input), add_svsm(options, input, svsm)}) {
    if (!added) return tl::unexpected(added.error());
  }
  const auto firmware = base::read_file(*options.firmware, measure::kFirmwareCap);
  if (!firmware) return tl::unexpected(firmware.error());
  auto digest = measure::launch_digest(*firmware, input);
  if (!digest) return tl::unexpected(digest.error());
  LaunchValues out{*std::move(digest), {}};
  if (input.mode != SevMode::sev_snp) return out;
  // The digest that was given stands in place of this file's own.
  auto own = input.firmware ? Result<base::Sha384>(*input.firmware) : measure::firmware_digest(*firmware);
  if (!own) return tl::unexpected(own.error());
  out.firmware = *own;
  return out;
}

void add_launch_options(CLI::App& command, LaunchOptions& options) {
  auto* const wanted =
      command.add_flag("--launch-digest", options.wanted, "what a SEV guest is launched with; needs --firmware");
  const std::size_t before = command.get_options().size();
  command.add_option("--firmware", options.firmware, "the firmware (OVMF)")->type_name("FILE");
  command
      .add_option("--firmware-digest", options.firmware_digest,
                  "the digest after the firmware's pages, in place of those of --firmware, whose table still counts")
      ->type_name("HEX");
  command.add_option("--kernel", options.kernel, "the kernel of a direct boot")->type_name("FILE");
  command.add_option("--initrd", options.initrd, "and its initial file system")->type_name("FILE");
  command.add_option("--append", options.append, "and its command line")->type_name("TEXT");
  command.add_option("--vcpus", options.vcpus, "how many vCPUs")->type_name("N")->capture_default_str();
  command.add_option("--vcpu-type", options.vcpu_type, "QEMU's name of their model; EPYC-v4 unless given")
      ->type_name("NAME");
  command.add_option("--vcpu-signature", options.vcpu_signature, "or their CPUID signature")->type_name("N");
  command.add_option("--vcpu-family", options.vcpu_family, "or their family, with the next two")->type_name("N");
  command.add_option("--vcpu-model", options.vcpu_model, "and their model")->type_name("N");
  command.add_option("--vcpu-stepping", options.vcpu_stepping, "and their stepping")->type_name("N");
  command.add_option("--guest-features", options.guest_features, "SEV_FEATURES of the vCPUs; always 1 under an SVSM")
      ->type_name("N")
      ->capture_default_str();
  command.add_option("--mode", options.mode, "snp, snp:svsm, sev-es or sev")
      ->check(CLI::IsMember({"snp", "snp:svsm", "sev-es", "sev"}))
      ->type_name("MODE")
      ->capture_default_str();
  command.add_option("--svsm", options.svsm, "of --mode snp:svsm: the SVSM's image, as Coconut's QEMU loads it")
      ->type_name("FILE");
  command.add_option("--vars-file", options.vars_file, "and the firmware's variables, of which the size counts")
      ->type_name("FILE");
  command.add_option("--vars-size", options.vars_size, "or that size")->type_name("BYTES");
  command.add_option("--hypervisor", options.hypervisor, "qemu, ec2 or gce")
      ->check(CLI::IsMember({"qemu", "ec2", "gce"}))
      ->type_name("NAME")
      ->capture_default_str();
  // Without it none of them would mean anything.
  const auto all = command.get_options();
  for (std::size_t i = before; i < all.size(); ++i) all[i]->needs(wanted);
}

}  // namespace blindbox::apps
