// SPDX-License-Identifier: Apache-2.0
// What a data owner accepts. A default Policy accepts nothing. A debug guest and a migration agent are refused by
// every policy: there is no key for them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/base/digest.h"
#include "blindbox/evidence/sev_snp/report.h"
#include "blindbox/policy/unsafe.h"

namespace blindbox::policy {

// More is refused before parsing.
inline constexpr std::size_t kPolicyCap = std::size_t{1} << 20;

// The least that a product's machines must run. A TCB is compared part by part; firmware as a version.
struct ProductPolicy {
  evidence::sev_snp::Tcb minimum_tcb{};
  std::optional<evidence::sev_snp::FirmwareVersion> minimum_firmware{};
  bool operator==(const ProductPolicy&) const = default;
};

// What the guest's owner must have fixed at launch (AMD 56860, Table 10).
struct GuestPolicy {
  bool smt_disabled = false;
  bool single_socket = false;
  bool cxl_disabled = false;
  bool rapl_disabled = false;
  bool aes_256_xts = false;
  bool ciphertext_hiding = false;
  bool page_swap_disabled = false;
  std::uint8_t minimum_abi_major = 0;
  std::uint8_t minimum_abi_minor = 0;
  bool operator==(const GuestPolicy&) const = default;
};

// Bits of PLATFORM_INFO (AMD 56860, Table 24) that must be set or clear.
struct PlatformInfoPolicy {
  std::uint64_t required = 0;
  std::uint64_t refused = 0;
  bool operator==(const PlatformInfoPolicy&) const = default;
};

// Mitigations that must be in place: every bit of a mask must be set in the report's vector (version 5 on).
struct MitigationPolicy {
  std::uint64_t launch = 0;
  std::uint64_t current = 0;
  bool operator==(const MitigationPolicy&) const = default;
};

// A list that is absent (nullopt) is not asked about; one that is present and empty matches nothing.
struct SevSnpPolicy {
  // One entry per accepted product. A product without an entry is refused.
  std::map<evidence::sev_snp::Product, ProductPolicy> products;
  // Launch digests; the report's must be one of them. Absent: AzurePolicy::uvm vouches for the digest in their place,
  // or no_expected_software says that nobody does.
  std::optional<std::vector<ByteArray<48>>> measurements = std::vector<ByteArray<48>>{};
  std::optional<std::vector<ByteArray<32>>> host_data;
  std::optional<std::vector<ByteArray<64>>> chip_ids;  // Turin: 8 bytes, then zeros, as in the report
  std::optional<std::vector<ByteArray<16>>> family_ids;
  std::optional<std::vector<ByteArray<16>>> image_ids;
  std::optional<std::vector<ByteArray<48>>> id_key_digests;
  std::optional<std::vector<ByteArray<48>>> author_key_digests;
  std::uint32_t minimum_guest_svn = 0;
  std::uint32_t vmpl = 0;    // 0 to 3, exactly
  bool require_crl = false;  // else a CRL is judged only where the evidence carries one
  GuestPolicy guest_policy;
  PlatformInfoPolicy platform_info;
  MitigationPolicy mitigations;
  bool operator==(const SevSnpPolicy&) const = default;
};

// Azure's endorsement of the utility VM that a container group runs in.
struct UvmPolicy {
  std::vector<std::string> issuers;  // did:x509
  std::vector<std::string> feeds;
  std::uint64_t minimum_svn = 0;
  bool operator==(const UvmPolicy&) const = default;
};

// Microsoft's signers of utility VMs: container instances, and confidential containers on AKS. An issuer speaks for its
// own feed alone.
struct UvmSigner {
  std::string_view issuer;
  std::string_view feed;
  std::uint64_t minimum_svn;  // where the policy has no azure.uvm
};
[[nodiscard]] std::span<const UvmSigner> known_uvm_signers();

// What azure.uvm means where it leaves lists out: all of known_uvm_signers().
[[nodiscard]] UvmPolicy default_uvm();

// PCRs of an Azure confidential VM's TPM, SHA-256 bank, by index.
struct AzureVmPolicy {
  std::map<std::uint8_t, ByteArray<32>> pcrs;
  bool operator==(const AzureVmPolicy&) const = default;
};

// Absent: evidence of that kind is judged where it is there, by known_uvm_signers(), and not asked for.
struct AzurePolicy {
  std::optional<UvmPolicy> uvm;
  std::optional<AzureVmPolicy> vm;
  bool operator==(const AzurePolicy&) const = default;
};

// Expectations of the service manifest, which the channel's binder covers.
struct ManifestPolicy {
  std::optional<std::vector<base::Sha256>> model_sha256;
  std::optional<std::vector<std::string>> software_versions;
  std::optional<std::vector<std::string>> isolation_postures;
  std::optional<std::vector<base::Sha256>> isolation_policies;  // of the specification in a wrapped image
  bool operator==(const ManifestPolicy&) const = default;
};

struct Policy {
  SevSnpPolicy sev_snp;
  AzurePolicy azure;
  ManifestPolicy manifest;
  Unsafe unsafe;
  // Nothing is known of the software that is expected: evidence is judged as a machine's, and every output says so.
  // There is no key for it: only safe_defaults() sets it, for looking at evidence and never for a channel.
  bool no_expected_software = false;
  std::string source_name;  // the file, for messages; empty when made in code
};

// Every product at any TCB, no expected software; all that is refused by default is refused.
[[nodiscard]] Policy safe_defaults();

// ErrorKind::policy with "name:line:column: what" for whatever is not exactly a policy: unknown or duplicate keys,
// wrong types, wrong lengths, anchors and aliases, deep nesting, more than one document. Over kPolicyCap: limit.
[[nodiscard]] Result<Policy> parse_policy(std::string_view yaml, std::string_view name);

// A commented file that parse_policy reads back as the same policy (source_name apart).
[[nodiscard]] std::string write_policy(const Policy& policy);

}  // namespace blindbox::policy
