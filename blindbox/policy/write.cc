// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "blindbox/policy/internal/keys.h"

namespace blindbox::policy {
namespace {

using evidence::sev_snp::Product;
using internal::GuestFlag;
using internal::kGuestFlags;
using internal::kPlatformBits;
using internal::PlatformBit;

// A double-quoted YAML scalar: any text, on one line.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto code = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (code < 0x20 || code == 0x7F) {
      out += fmt::format("\\x{:02x}", code);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::string item(const std::string& text) { return quoted(text); }
template <std::size_t N>
std::string item(const ByteArray<N>& bytes) {
  return quoted(base::to_hex(bytes));
}

template <typename List>
std::string list(std::string_view key, const List& values) {
  if (values.empty()) return fmt::format("  {}: []\n", key);
  std::string out = fmt::format("  {}:\n", key);
  for (const auto& value : values) out += "    - " + item(value) + "\n";
  return out;
}

std::string texts(std::string_view key, const std::vector<std::string>& values) {
  std::string out;
  for (const std::string& value : values) out += (out.empty() ? "" : ", ") + quoted(value);
  return fmt::format("    {}: [{}]\n", key, out);
}

template <typename List>
std::string optional_list(std::string_view comment, std::string_view key, const std::optional<List>& values) {
  return values ? fmt::format("  # {}\n", comment) + list(key, *values) : "";
}

std::string products(const SevSnpPolicy& policy) {
  std::string out = "  # Accepted processors, each with the least firmware that it may run.\n  products:\n";
  for (const auto& [product, least] : policy.products) {
    const auto& tcb = least.minimum_tcb;
    const std::string fmc = product == Product::turin ? fmt::format("fmc: {}, ", tcb.fmc) : "";
    out += fmt::format("    {}:\n      minimum_tcb: {{{}bootloader: {}, tee: {}, snp: {}, microcode: {}}}\n",
                       evidence::sev_snp::product_name(product), fmc, tcb.bootloader, tcb.tee, tcb.snp, tcb.microcode);
    if (const auto& firmware = least.minimum_firmware) {
      out += fmt::format("      minimum_firmware: \"{}.{}.{}\"\n", firmware->major, firmware->minor, firmware->build);
    }
  }
  return out;
}

std::string measurements(const SevSnpPolicy& policy) {
  if (!policy.measurements) return "";
  return "  # Launch digests of releases that you reviewed. None listed: none accepted.\n" +
         list("measurements", *policy.measurements);
}

std::string identity(const SevSnpPolicy& policy) {
  std::string out;
  out += optional_list("What the host handed to the guest at launch.", "host_data", policy.host_data);
  out += optional_list("The machines themselves: the only defence against a genuine one in wrong hands.", "chip_ids",
                       policy.chip_ids);
  out += optional_list("Names that the guest's owner gave at launch.", "family_ids", policy.family_ids);
  out += optional_list("The same.", "image_ids", policy.image_ids);
  out +=
      optional_list("SHA-384 of the key that signed the launch (ID block).", "id_key_digests", policy.id_key_digests);
  out += optional_list("SHA-384 of the key that signed that key.", "author_key_digests", policy.author_key_digests);
  if (policy.minimum_guest_svn != 0) {
    out += fmt::format("  # Of the ID block.\n  minimum_guest_svn: {}\n", policy.minimum_guest_svn);
  }
  return out;
}

std::string guest_policy(const GuestPolicy& policy) {
  std::string out = "  # What must have been fixed when the guest was launched.\n  guest_policy:\n";
  for (const GuestFlag& flag : kGuestFlags) {
    out += fmt::format("    {}: {}  # {}\n", flag.key, policy.*flag.value, flag.comment);
  }
  return out + fmt::format("    minimum_abi: \"{}.{}\"\n", policy.minimum_abi_major, policy.minimum_abi_minor);
}

std::string bits(std::string_view key, std::uint64_t mask) {
  std::string out;
  for (unsigned bit = 0; bit < 64; ++bit) {
    if ((mask >> bit & 1) == 0) continue;
    std::string name = fmt::format("bit_{}", bit);
    for (const PlatformBit& known : kPlatformBits) {
      if (known.bit == bit) name = known.name;
    }
    out += (out.empty() ? "" : ", ") + name;
  }
  return fmt::format("    {}: [{}]\n", key, out);
}

std::string sev_snp(const SevSnpPolicy& policy) {
  std::string out = "sev_snp:\n" + products(policy) + measurements(policy) + identity(policy);
  out += fmt::format("  # The privilege level inside the guest that asks for evidence.\n  vmpl: {}\n", policy.vmpl);
  out +=
      fmt::format("  # Demand AMD's revocation list beside the certificates.\n  require_crl: {}\n", policy.require_crl);
  out += guest_policy(policy.guest_policy);
  const auto& platform = policy.platform_info;
  if (platform != PlatformInfoPolicy{}) {
    out += "  # What the machine says of itself.\n  platform_info:\n" + bits("required", platform.required) +
           bits("refused", platform.refused);
  }
  const auto& mitigations = policy.mitigations;
  if (mitigations != MitigationPolicy{}) {
    out += fmt::format(
        "  # Every bit must be set in the report's vector.\n  mitigation_vectors: "
        "{{launch: \"{:#x}\", current: \"{:#x}\"}}\n",
        mitigations.launch, mitigations.current);
  }
  return out;
}

std::string azure(const AzurePolicy& policy) {
  if (!policy.uvm && !policy.vm) return "";
  std::string out = "\nazure:\n";
  if (policy.uvm) {
    out += "  # Demand Microsoft's endorsement of the utility VM that the containers run in.\n  uvm:\n";
    out += texts("issuers", policy.uvm->issuers) + texts("feeds", policy.uvm->feeds);
    out += fmt::format("    minimum_svn: {}\n", policy.uvm->minimum_svn);
  }
  if (policy.vm) {
    out += "  # A confidential VM: what its TPM must hold (SHA-256 bank).\n  vm:\n    pcrs:\n";
    for (const auto& [index, value] : policy.vm->pcrs) out += fmt::format("      \"{}\": {}\n", index, item(value));
  }
  return out;
}

std::string manifest(const ManifestPolicy& policy) {
  const std::string keys =
      optional_list("SHA-256 of the weights' file.", "model_sha256", policy.model_sha256) +
      optional_list("Versions of the server.", "software_versions", policy.software_versions) +
      optional_list("How the application is confined.", "isolation_postures", policy.isolation_postures) +
      optional_list("SHA-256 of the specification in a wrapped image (blindbox inspect).", "isolation_policies",
                    policy.isolation_policies);
  return keys.empty() ? "" : "\n# What the server must say that it runs.\nmanifest:\n" + keys;
}

std::string unsafe(const Unsafe& unsafe) {
  if (unsafe == Unsafe{}) return "";
  std::string out = "\n# Everything below takes protection away.\nunsafe:\n";
  if (unsafe.trust_emulator) {
    out +=
        "  # EMULATED, NOT A TEE: accepts evidence from software. Whoever runs the server reads all that you send.\n"
        "  # SHA-256 of the emulated root's public key (SubjectPublicKeyInfo).\n"
        "  trust_emulator: " +
        item(unsafe.trust_emulator->ark_spki_sha256) + "\n";
  }
  if (unsafe.allow_incomplete_alias_check) {
    out +=
        "  # Accepts machines that did not look for aliased memory: whoever touches them may replay it (BadRAM).\n"
        "  allow_incomplete_alias_check: true\n";
  }
  return out;
}

}  // namespace

std::string write_policy(const Policy& policy) {
  return "# What a client of blindbox accepts. An unknown key is an error.\nversion: 1\n\n" + sev_snp(policy.sev_snp) +
         azure(policy.azure) + manifest(policy.manifest) + unsafe(policy.unsafe);
}

}  // namespace blindbox::policy
