// SPDX-License-Identifier: Apache-2.0
// Every hash of the protocol, as pure functions (docs/protocol.md, section M2). Known answers: tests/vectors/protocol.
#pragma once

#include <optional>
#include <vector>

#include "blindbox/base/digest.h"
#include "blindbox/evidence/bundle.h"

namespace blindbox::attested_tls {

inline constexpr std::size_t kNonceSize = 32;
inline constexpr std::string_view kExporterLabel = "EXPERIMENTAL-blindbox-attestation-v1";
using Nonce = ByteArray<kNonceSize>;

// SHA-256(lp("blindbox/context/v1") || lp(nonce)): the exporter's context.
[[nodiscard]] base::Sha256 exporter_context(const Nonce& nonce);

// What one challenge on one session is bound to.
struct Binding {
  Nonce nonce{};
  ByteArray<32> exporter{};
  base::Sha256 spki_sha256{};  // of the server key's SubjectPublicKeyInfo, DER
  ByteView manifest;           // the service manifest's bytes
  ByteView hpke;               // an HPKE key configuration, or empty: then H_hpke is the empty string
  ByteView secondary;          // all secondary evidence, or empty
};
// SHA-512(lp("blindbox/binder/v1") || lp("server") || lp(nonce) || lp(exporter) || lp(SPKI hash) || lp(H_manifest)
//         || lp(H_hpke) || lp(H_secondary))
[[nodiscard]] base::Sha512 binder(const Binding& binding);

// The tree of RFC 9162 section 2.1 with the protocol's own hashes: SHA-512(0x00 || binder) and
// SHA-512(0x01 || left || right).
struct Tree {
  base::Sha512 root{};
  std::vector<evidence::TreePath> paths;  // one for each leaf, in order
};
// binders is not empty.
[[nodiscard]] Tree build_tree(const std::vector<base::Sha512>& binders);
// nullopt where the path cannot belong to a tree of its size (RFC 9162 section 2.1.3.2).
[[nodiscard]] std::optional<base::Sha512> root_from_path(const base::Sha512& binder, const evidence::TreePath& path);

// SHA-512(lp("blindbox/report-data/v1") || u32be(tree_size) || root)
[[nodiscard]] ByteArray<64> report_data(std::uint32_t tree_size, const base::Sha512& root);
// SHA-256(lp("blindbox/tpm/v1") || u32be(tree_size) || root), for platforms whose freshness comes from a TPM quote.
[[nodiscard]] base::Sha256 tpm_qualifying_data(std::uint32_t tree_size, const base::Sha512& root);

}  // namespace blindbox::attested_tls
