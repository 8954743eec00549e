// SPDX-License-Identifier: Apache-2.0
// What a publisher says of one release, and what clients may expect of it: the values that hardware will report, per
// platform, which model it serves, and which releases are too old by now.
#pragma once

#include <optional>
#include <vector>

#include "blindbox/release/trust.h"

namespace blindbox::release {

// How far a publisher's clock may be ahead of a client's.
inline constexpr std::chrono::minutes kClockSkew{10};

inline constexpr std::string_view kReleaseSchema = "blindbox/release/v1";

// What one platform's hardware reports of this release; what the platform has not stays empty.
struct Expectation {
  std::vector<base::Sha256> host_data{};        // of the container policy, or of initdata
  std::vector<base::Sha384> measurements{};     // launch digests
  std::map<std::uint8_t, base::Sha256> pcrs{};  // SHA-256 bank
  // Launch digest left to Microsoft's endorsement of the utility VM, of this version or a later one.
  std::optional<std::uint64_t> minimum_uvm_svn{};
  // Of Confidential Containers' initdata: "sha256", "sha384" or "sha512", and the digest as TDX reports it.
  std::string initdata_algorithm{};
  std::optional<base::Sha384> mr_config_id{};
  bool operator==(const Expectation&) const = default;
};

struct ReleaseLayer {
  std::string diff_id;       // "sha256:..."
  base::Sha256 root_hash{};  // dm-verity, as Azure's hosts compute it
  bool operator==(const ReleaseLayer&) const = default;
};

struct Release {
  std::string name;  // of the application: epochs are counted per name
  std::uint64_t epoch = 0;
  std::uint64_t minimum_epoch = 0;  // whoever has seen this release refuses older epochs than that
  base::Time created{};
  base::Time expires{};
  std::string image;                   // "sha256:...", of the manifest
  std::vector<ReleaseLayer> layers{};  // bottom first
  std::map<std::string, Expectation> platforms{};
  base::Sha256 specification{};
  std::vector<std::string> postures{};           // tiers of isolation that are accepted
  std::vector<std::string> software_versions{};  // of BlindBox in the image
  std::optional<base::Sha256> model{};           // of the weights' file
  bool operator==(const Release&) const = default;
};

// What Expectation's platforms are called: "azure-aci", "aks-virtual-nodes", "azure-vm", "sev-snp".
[[nodiscard]] bool is_platform(std::string_view name);

[[nodiscard]] std::string encode(const Release& release);
// ErrorKind::malformed for whatever encode() would not have written, and for what makes no sense: no platform, a
// platform without values, a minimum epoch above the epoch, an end before the beginning.
[[nodiscard]] Result<Release> decode_release(const Document& document, const std::string& name);

// Signed by enough keys of root, not made more than kClockSkew from now, and not expired. Roll-backs are accept()'s to refuse.
[[nodiscard]] Result<Release> check_release(const Document& document, const std::string& name, const TrustRoot& root,
                                            base::Time now);

}  // namespace blindbox::release
