// SPDX-License-Identifier: Apache-2.0
#include "blindbox/attester/attester.h"

#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <cstdlib>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "blindbox/attester/azure.h"
#include "blindbox/attester/internal/surroundings.h"
#include "blindbox/attester/sev_guest.h"
#include "blindbox/attester/tsm.h"
#include "blindbox/base/file.h"

namespace blindbox::attester {
namespace {

using internal::Surroundings;
using Opened = Result<std::unique_ptr<Attester>>;

constexpr const char* kEmulatorHint =
    "for development run \"blindbox emulator\" and choose it with --platform emulator:DIR";

bool is_device(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISCHR(info.st_mode);
}

constexpr long kConfigfsMagic = 0x62656570;

bool is_configfs(const std::string& path) {
  struct statfs info {};
  return ::statfs(path.c_str(), &info) == 0 && info.f_type == kConfigfsMagic;
}

// Only the kernel's own: a plain file there would be somebody's imitation, which is chosen as an emulator or not at all.
Opened open_device(const std::string& path) {
  if (!is_device(path)) {
    return base::fail(ErrorKind::platform, path + " is not a device",
                      "an SEV-SNP guest has /dev/sev-guest when its kernel's sev-guest driver is loaded",
                      kEmulatorHint);
  }
  const bool old = std::filesystem::path(path).filename() == "sev";
  return SevGuest::open(path, old ? SevGuest::Abi::sev_5x : SevGuest::Abi::sev_guest, "SEV-SNP by " + path);
}

Opened open_tsm(const std::string& folder) {
  if (!is_configfs(folder)) {
    return base::fail(ErrorKind::platform, folder + " is not in configfs",
                      "an SEV-SNP guest with Linux 6.7 or later has /sys/kernel/config/tsm/report", kEmulatorHint);
  }
  return Tsm::open(folder, "SEV-SNP by " + folder);
}

Opened open_azure(const std::string& folder, const Surroundings& around) {
  if (folder.empty()) {
    return base::fail(ErrorKind::platform, "no security context directory: UVM_SECURITY_CONTEXT_DIR is not set", {},
                      "name it with --platform azure:DIR");
  }
  const bool old = !is_device(around.sev_guest) && is_device(around.sev);
  auto device = open_device(old ? around.sev : around.sev_guest);
  if (!device) return device;
  return Azure::open(folder, std::move(*device));
}

Opened open_emulator(const std::string& folder, bool by_ioctl) {
  const std::string notice = folder + "/emulator.json";
  const auto text = base::read_file(notice, 64 * 1024);
  if (!text) {
    return base::fail(ErrorKind::platform, "no emulator at " + folder, text.error().what,
                      "start \"blindbox emulator\" with that folder first");
  }
  const auto json = nlohmann::json::parse(base::as_text(*text), nullptr, false);
  if (!json.is_object() || json.value("emulated", nlohmann::json()) != true) {
    return base::fail(ErrorKind::platform, notice + " does not say that this is an emulator");
  }
  const std::string description = "EMULATED, NOT A TEE: " + folder;
  if (by_ioctl) return SevGuest::open(folder + "/sev-guest", SevGuest::Abi::sev_guest, description + "/sev-guest");
  return Tsm::open(folder + "/tsm/report", description + "/tsm/report");
}

// The first that is there is the one: where it is broken, that is an error and no reason to try the next.
Opened detect(const Surroundings& around) {
  Opened device = base::fail(ErrorKind::platform, "");
  if (is_configfs(around.tsm)) {
    device = open_tsm(around.tsm);
  } else if (is_device(around.sev_guest)) {
    device = open_device(around.sev_guest);
  } else if (is_device(around.sev)) {
    device = open_device(around.sev);
  } else {
    std::string looked = "looked for " + around.tsm + ", " + around.sev_guest + ", " + around.sev;
    looked += around.azure.empty() ? " (UVM_SECURITY_CONTEXT_DIR is not set)"
                                   : " (UVM_SECURITY_CONTEXT_DIR is " + around.azure + ")";
    return base::fail(ErrorKind::platform, "this is no confidential guest: no attestation interface was found",
                      std::move(looked), kEmulatorHint);
  }
  if (!device || around.azure.empty()) return device;
  return Azure::open(around.azure, std::move(*device));
}

}  // namespace

namespace internal {

Result<std::unique_ptr<Attester>> open_attester(const Platform& platform, const Surroundings& around) {
  const auto path_or = [&](const std::string& usual) { return platform.path.empty() ? usual : platform.path; };
  switch (platform.kind) {
    case Platform::Kind::automatic: return detect(around);
    case Platform::Kind::sev_guest: return open_device(path_or(around.sev_guest));
    case Platform::Kind::tsm: return open_tsm(path_or(around.tsm));
    case Platform::Kind::azure: return open_azure(path_or(around.azure), around);
    case Platform::Kind::emulator: return open_emulator(platform.path, false);
    case Platform::Kind::emulator_ioctl: return open_emulator(platform.path, true);
  }
  return base::fail(ErrorKind::internal, "unknown platform kind");
}

}  // namespace internal

Result<std::unique_ptr<Attester>> open_attester(const Platform& platform) {
  Surroundings around;
  const char* azure = std::getenv("UVM_SECURITY_CONTEXT_DIR");
  if (azure != nullptr) around.azure = azure;
  return internal::open_attester(platform, around);
}

}  // namespace blindbox::attester
