// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "blindbox/policy/policy.h"

namespace blindbox::policy {
namespace {

using evidence::sev_snp::Product;

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

template <typename List>
std::string optional_list(std::string_view comment, std::string_view key, const std::optional<List>& values) {
  return values ? fmt::format("  # {}\n", comment) + list(key, *values) : "";
}

std::string products(const SevSnpPolicy& policy) {
  std::string out = "  # Accepted processors, each with the least firmware that it may run.\n  products:\n";
  for (const auto& [product, tcb] : policy.products) {
    const std::string fmc = product == Product::turin ? fmt::format("fmc: {}, ", tcb.fmc) : "";
    out += fmt::format("    {}:\n      minimum_tcb: {{{}bootloader: {}, tee: {}, snp: {}, microcode: {}}}\n",
                       evidence::sev_snp::product_name(product), fmc, tcb.bootloader, tcb.tee, tcb.snp, tcb.microcode);
  }
  return out;
}

std::string sev_snp(const SevSnpPolicy& policy) {
  std::string out = "sev_snp:\n" + products(policy);
  out += "  # Launch digests of releases that you reviewed. None listed: none accepted.\n";
  out += list("measurements", policy.measurements);
  out += optional_list("What the host handed to the guest at launch.", "host_data", policy.host_data);
  out += optional_list("The machines themselves: the only defence against a genuine one in wrong hands.", "chip_ids",
                       policy.chip_ids);
  out += fmt::format("  # The privilege level inside the guest that asks for evidence.\n  vmpl: {}\n", policy.vmpl);
  out +=
      fmt::format("  # Demand AMD's revocation list beside the certificates.\n  require_crl: {}\n", policy.require_crl);
  out += fmt::format("  require_smt_disabled: {}\n  require_single_socket: {}\n", policy.require_smt_disabled,
                     policy.require_single_socket);
  return out;
}

std::string manifest(const ManifestPolicy& policy) {
  const std::string keys =
      optional_list("SHA-256 of the weights' file.", "model_sha256", policy.model_sha256) +
      optional_list("Versions of the server.", "software_versions", policy.software_versions) +
      optional_list("How the engine is confined.", "isolation_postures", policy.isolation_postures);
  return keys.empty() ? "" : "\n# What the server must say that it runs.\nmanifest:\n" + keys;
}

std::string unsafe(const Unsafe& unsafe) {
  if (!unsafe.trust_emulator) return "";
  return "\n# Everything below takes protection away.\nunsafe:\n"
         "  # EMULATED, NOT A TEE: accepts evidence from software. Whoever runs the server reads all that you send.\n"
         "  # SHA-256 of the emulated root's public key (SubjectPublicKeyInfo).\n"
         "  trust_emulator: " +
         item(unsafe.trust_emulator->ark_spki_sha256) + "\n";
}

}  // namespace

std::string write_policy(const Policy& policy) {
  return "# What a client of blindbox accepts. An unknown key is an error.\nversion: 1\n\n" + sev_snp(policy.sev_snp) +
         manifest(policy.manifest) + unsafe(policy.unsafe);
}

}  // namespace blindbox::policy
