// SPDX-License-Identifier: Apache-2.0
#include "blindbox/measure/launch_digest.h"

#include <algorithm>
#include <array>

#include "blindbox/measure/internal/ext4_format.h"
#include "blindbox/measure/internal/ovmf.h"
#include "blindbox/measure/internal/vmsa.h"

namespace blindbox::measure {
namespace {

using internal::Ovmf;
using internal::OvmfSection;
using internal::Page;

constexpr std::uint32_t kPage = 4096;
constexpr std::uint64_t kFirmwareEnd = std::uint64_t{1} << 32;
constexpr std::uint32_t kResetVector = 0xfffffff0;
constexpr std::uint64_t kVmsaAddress = 0xfffffffff000;
constexpr std::uint32_t kVcpuCap = 4096;
constexpr std::uint64_t kSectionPagesCap = std::uint64_t{1} << 20;

enum class PageType : std::uint8_t { normal = 1, vmsa = 2, zero = 3, unmeasured = 4, secrets = 5, cpuid = 6 };
enum class SectionType : std::uint32_t { memory = 1, secrets = 2, cpuid = 3, svsm_caa = 4, kernel_hashes = 0x10 };

tl::unexpected<Error> lacking(const std::string& what) { return base::fail(ErrorKind::malformed, what); }

// PAGE_INFO (AMD 56860, section 8.17.2): the digest so far, the page's, its type and address.
class Launch {
 public:
  explicit Launch(const base::Sha384& seed = {}) : digest_(seed) {}
  void page(PageType type, std::uint64_t address, const base::Sha384& contents = {}) {
    ByteArray<0x70> info{};
    std::copy(digest_.begin(), digest_.end(), info.begin());
    std::copy(contents.begin(), contents.end(), info.begin() + 48);
    internal::put(info, 96, static_cast<std::uint16_t>(info.size()));
    internal::put(info, 98, static_cast<std::uint8_t>(type));
    internal::put(info, 104, address);
    digest_ = base::sha384(info);
  }
  void pages(PageType type, std::uint64_t address, std::uint64_t size) {
    for (std::uint64_t at = 0; at < size; at += kPage) page(type, address + at);
  }
  void contents(std::uint64_t address, ByteView bytes) {
    for (std::size_t at = 0; at < bytes.size(); at += kPage) {
      page(PageType::normal, address + at, base::sha384(bytes.subspan(at, kPage)));
    }
  }
  [[nodiscard]] const base::Sha384& digest() const { return digest_; }

 private:
  base::Sha384 digest_;
};

constexpr std::size_t kHashEntry = 16 + 2 + 32;
constexpr std::size_t kHashTable = 16 + 2 + 3 * kHashEntry;

// As QEMU writes it (target/i386/sev.c, struct SevHashTable), filled to 16 bytes.
ByteArray<(kHashTable + 15) / 16 * 16> hash_table(const DirectBoot& boot) {
  struct Entry {
    std::string_view guid;
    const base::Sha256* digest;
  };
  const std::array entries = {Entry{"d82dd09720bd944caa78e7714d36ab2a", &boot.cmdline},
                              Entry{"31f7ba442f3ad74b9af141e29169781d", &boot.initrd},
                              Entry{"3794e74dd2ab7f42b835d5b172d2045b", &boot.kernel}};
  ByteArray<(kHashTable + 15) / 16 * 16> out{};
  const auto put_guid = [&out](std::size_t at, std::string_view hex) {
    const Bytes guid = *base::from_hex(hex);
    std::copy(guid.begin(), guid.end(), out.begin() + static_cast<std::ptrdiff_t>(at));
  };
  put_guid(0, "06d63894224fc94cb479a793d411fd21");
  internal::put(out, 16, static_cast<std::uint16_t>(kHashTable));
  std::size_t at = 18;
  for (const Entry& entry : entries) {
    put_guid(at, entry.guid);
    internal::put(out, at + 16, static_cast<std::uint16_t>(kHashEntry));
    std::copy(entry.digest->begin(), entry.digest->end(), out.begin() + static_cast<std::ptrdiff_t>(at) + 18);
    at += kHashEntry;
  }
  return out;
}

Result<Launch> firmware_launch(ByteView firmware) {
  if (firmware.empty() || firmware.size() > kFirmwareCap || firmware.size() % kPage != 0) {
    return lacking("the firmware has " + std::to_string(firmware.size()) + " bytes, which are no whole pages");
  }
  Launch launch;
  launch.contents(kFirmwareEnd - firmware.size(), firmware);
  return launch;
}

Result<void> add_kernel_hashes(Launch& launch, const Ovmf& ovmf, const OvmfSection& section, const LaunchInput& input) {
  if (!input.kernel) {
    launch.pages(PageType::zero, section.address, section.size);
    return {};
  }
  const auto table = hash_table(*input.kernel);
  const std::size_t offset = ovmf.hash_table.value_or(0) % kPage;
  if (!ovmf.hash_table || section.size != kPage || offset + table.size() > kPage) {
    return lacking("the firmware has no room for a kernel's hashes");
  }
  Page page{};
  std::copy(table.begin(), table.end(), page.begin() + static_cast<std::ptrdiff_t>(offset));
  launch.contents(section.address, page);
  return {};
}

Result<void> add_section(Launch& launch, const Ovmf& ovmf, const OvmfSection& section, const LaunchInput& input) {
  const bool ec2 = input.hypervisor == Hypervisor::ec2;
  const bool gce = input.hypervisor == Hypervisor::gce;
  switch (static_cast<SectionType>(section.type)) {
    case SectionType::memory:
      launch.pages(gce ? PageType::unmeasured : PageType::zero, section.address, section.size);
      return {};
    case SectionType::svsm_caa: launch.pages(PageType::zero, section.address, section.size); return {};
    case SectionType::secrets: launch.page(PageType::secrets, section.address); return {};
    case SectionType::cpuid:
      if (!ec2) launch.page(PageType::cpuid, section.address);  // EC2 adds it last
      return {};
    case SectionType::kernel_hashes: return add_kernel_hashes(launch, ovmf, section, input);
  }
  return lacking("the firmware has a section of the unknown type " + std::to_string(section.type));
}

Result<void> add_sections(Launch& launch, const Ovmf& ovmf, const LaunchInput& input) {
  std::uint64_t pages = 0;
  bool has_hashes = false;
  for (const OvmfSection& section : ovmf.sections) {
    pages += section.size / kPage;
    if (section.size % kPage != 0 || pages > kSectionPagesCap) return lacking("the firmware's sections make no sense");
  }
  for (const OvmfSection& section : ovmf.sections) {
    has_hashes = has_hashes || section.type == static_cast<std::uint32_t>(SectionType::kernel_hashes);
    if (auto added = add_section(launch, ovmf, section, input); !added) return added;
  }
  if (input.kernel && !has_hashes) {
    return base::fail(ErrorKind::malformed, "a kernel was given, and the firmware has no section for its hashes",
                      "SNP_KERNEL_HASHES", "build OVMF's AmdSev platform, or boot from a disk");
  }
  for (const OvmfSection& section : ovmf.sections) {
    const bool cpuid = section.type == static_cast<std::uint32_t>(SectionType::cpuid);
    if (input.hypervisor == Hypervisor::ec2 && cpuid) launch.page(PageType::cpuid, section.address);
  }
  return {};
}

// Coconut's QEMU: the firmware, the SVSM below it and its variables, what the SVSM asks for, and every vCPU in the SVSM.
Result<Bytes> svsm_digest(ByteView firmware, const LaunchInput& input) {
  const Svsm& svsm = *input.svsm;
  auto launch = firmware_launch(firmware);
  if (!launch) return base::pass_on(launch);
  const std::uint64_t above = firmware.size() + svsm.variables;  // each 64 MiB at most
  if (svsm.image.empty() || svsm.image.size() % kPage != 0) return lacking("the SVSM is no whole pages");
  auto own = internal::parse_ovmf(svsm.image);
  if (!own) return base::fail(ErrorKind::malformed, "of the SVSM: " + own.error().what);
  if (!own->svsm_entry) {
    return base::fail(ErrorKind::malformed, "the SVSM does not say where it begins", "SVSM_INFO",
                      "is this Coconut's image of the kind that QEMU loads beside the firmware, and no IGVM file?");
  }
  const std::uint64_t address = kFirmwareEnd - above - svsm.image.size();
  launch->contents(address, svsm.image);
  if (auto added = add_sections(*launch, *own, input); !added) return base::pass_on(added);
  const base::Sha384 vmsa = base::sha384(internal::svsm_vmsa(input.cpu_signature, address + *own->svsm_entry));
  for (std::uint32_t i = 0; i < input.vcpus; ++i) launch->page(PageType::vmsa, kVmsaAddress, vmsa);
  return base::to_bytes(launch->digest());
}

Result<Bytes> snp_digest(ByteView firmware, const Ovmf& ovmf, const LaunchInput& input) {
  auto seed = input.firmware ? Result<base::Sha384>(*input.firmware) : firmware_digest(firmware);
  if (!seed) return base::pass_on(seed);
  Launch launch(*seed);
  if (auto added = add_sections(launch, ovmf, input); !added) return base::pass_on(added);
  for (std::uint32_t i = 0; i < input.vcpus; ++i) {
    const Page vmsa = internal::initial_vmsa(input, i == 0 ? kResetVector : *ovmf.reset_vector);
    launch.page(PageType::vmsa, kVmsaAddress, base::sha384(vmsa));
  }
  return base::to_bytes(launch.digest());
}

// Before SNP: one SHA-256 over everything in order.
Result<Bytes> plain_digest(ByteView firmware, const Ovmf& ovmf, const LaunchInput& input) {
  Bytes measured = base::to_bytes(firmware);
  if (input.kernel) {
    if (ovmf.hash_table.value_or(0) == 0) {
      return base::fail(ErrorKind::malformed, "a kernel was given, and the firmware does not compare its hash", "",
                        "build OVMF's AmdSev platform, or boot from a disk");
    }
    const auto table = hash_table(*input.kernel);
    measured.insert(measured.end(), table.begin(), table.end());
  }
  for (std::uint32_t i = 0; input.mode == SevMode::sev_es && i < input.vcpus; ++i) {
    const Page vmsa = internal::initial_vmsa(input, i == 0 ? kResetVector : *ovmf.reset_vector);
    measured.insert(measured.end(), vmsa.begin(), vmsa.end());
  }
  return base::to_bytes(base::sha256(measured));
}

Result<void> check_svsm(const LaunchInput& input) {
  if (input.mode != SevMode::sev_snp || input.hypervisor != Hypervisor::qemu) {
    return base::fail(ErrorKind::usage, "an SVSM is known under SEV-SNP and QEMU alone");
  }
  if (input.kernel || input.firmware) {
    return base::fail(ErrorKind::usage, "under an SVSM neither a kernel nor the firmware's digest can be given", "",
                      "the hash table is not filled there: the guest boots from a disk");
  }
  if (input.svsm->variables > kFirmwareCap || input.svsm->variables % kPage != 0) {
    return base::fail(ErrorKind::usage, "the firmware's variables are whole pages, 64 MiB at most");
  }
  if (input.svsm->image.size() > kFirmwareCap) return lacking("the SVSM is larger than 64 MiB");
  return {};
}

}  // namespace

base::Sha256 hash_cmdline(std::string_view cmdline) {
  std::string ended(cmdline);
  ended += '\0';
  return base::sha256(base::view(ended));
}

Result<base::Sha384> firmware_digest(ByteView firmware) {
  return firmware_launch(firmware).map([](const Launch& launch) { return launch.digest(); });
}

Result<Bytes> launch_digest(ByteView firmware, const LaunchInput& input) {
  if (input.vcpus == 0 || input.vcpus > kVcpuCap) {
    return base::fail(ErrorKind::usage, "a guest has 1 to " + std::to_string(kVcpuCap) + " vCPUs");
  }
  if (input.firmware && input.mode != SevMode::sev_snp) {
    return base::fail(ErrorKind::usage, "only SEV-SNP's digest can begin with the firmware's");
  }
  if (firmware.empty() || firmware.size() > kFirmwareCap) return lacking("the firmware is empty or too large");
  if (input.svsm) {
    if (auto checked = check_svsm(input); !checked) return base::pass_on(checked);
    return svsm_digest(firmware, input);
  }
  auto ovmf = internal::parse_ovmf(firmware);
  if (!ovmf) return base::pass_on(ovmf);
  if (input.mode != SevMode::sev && !ovmf->reset_vector) {
    return base::fail(ErrorKind::malformed, "the firmware does not say where further vCPUs begin", "SEV-ES reset block",
                      "is this an OVMF build for SEV?");
  }
  if (input.mode != SevMode::sev && *ovmf->reset_vector == 0 && input.vcpus > 1) {
    return lacking("the firmware has further vCPUs begin nowhere: its SEV-ES reset block is zero");
  }
  return input.mode == SevMode::sev_snp ? snp_digest(firmware, *ovmf, input) : plain_digest(firmware, *ovmf, input);
}

}  // namespace blindbox::measure
