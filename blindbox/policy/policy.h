// SPDX-License-Identifier: Apache-2.0
// What a data owner accepts. A default Policy accepts nothing. A debug guest and a migration agent are refused by
// every policy: there is no key for them.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "blindbox/base/digest.h"
#include "blindbox/evidence/sev_snp/report.h"
#include "blindbox/policy/unsafe.h"

namespace blindbox::policy {

// More is refused before parsing.
inline constexpr std::size_t kPolicyCap = std::size_t{1} << 20;

// A list that is absent (nullopt) is not asked about; one that is present and empty matches nothing.
struct SevSnpPolicy {
  // One entry per accepted product: the least TCB that its reports may claim. A product without an entry is refused.
  std::map<evidence::sev_snp::Product, evidence::sev_snp::Tcb> products;
  std::vector<ByteArray<48>> measurements;  // launch digests; the report's must be one of them
  std::optional<std::vector<ByteArray<32>>> host_data;
  std::optional<std::vector<ByteArray<64>>> chip_ids;  // Turin: 8 bytes, then zeros, as in the report
  std::uint32_t vmpl = 0;                              // 0 to 3, exactly
  bool require_crl = false;                            // else a CRL is judged only where the evidence carries one
  bool require_smt_disabled = false;
  bool require_single_socket = false;
  bool operator==(const SevSnpPolicy&) const = default;
};

// Expectations of the service manifest, which the channel's binder covers.
struct ManifestPolicy {
  std::optional<std::vector<base::Sha256>> model_sha256;
  std::optional<std::vector<std::string>> software_versions;
  std::optional<std::vector<std::string>> isolation_postures;
  bool operator==(const ManifestPolicy&) const = default;
};

struct Policy {
  SevSnpPolicy sev_snp;
  ManifestPolicy manifest;
  Unsafe unsafe;
  std::string source_name;  // the file, for messages; empty when made in code
};

// ErrorKind::policy with "name:line:column: what" for whatever is not exactly a policy: unknown or duplicate keys,
// wrong types, wrong lengths, anchors and aliases, deep nesting, more than one document. Over kPolicyCap: limit.
[[nodiscard]] Result<Policy> parse_policy(std::string_view yaml, std::string_view name);

// A commented file that parse_policy reads back as the same policy (source_name apart).
[[nodiscard]] std::string write_policy(const Policy& policy);

}  // namespace blindbox::policy
