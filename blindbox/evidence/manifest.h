// SPDX-License-Identifier: Apache-2.0
// The service manifest: what a server says that it runs. The channel's binder covers its hash, so an enclave that is
// measured vouches for it. Canonical JSON (RFC 8785) of one fixed shape.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "blindbox/base/digest.h"

namespace blindbox::evidence {

inline constexpr std::size_t kManifestCap = std::size_t{64} << 10;
inline constexpr std::string_view kManifestSchema = "blindbox/manifest/v1";

struct ServiceManifest {
  struct Isolation {
    base::Sha256 policy_sha256{};  // of the isolation policy in force
    std::string posture;           // the tier that was reached, "none" included
    bool operator==(const Isolation&) const = default;
  };
  struct Model {
    std::string id;
    base::Sha256 sha256{};  // of the weights as loaded
    base::Sha256 tokenizer_sha256{};
    bool operator==(const Model&) const = default;
  };
  struct Padding {
    std::uint32_t record_block = 0;  // bytes
    std::string policy;
    bool operator==(const Padding&) const = default;
  };
  struct Software {
    std::string name = "blindbox";
    std::string version;
    bool operator==(const Software&) const = default;
  };
  Isolation isolation;
  Model model;
  Padding padding;
  Software software;
  bool operator==(const ServiceManifest&) const = default;
};

// The texts must be UTF-8; what is not is replaced, so that hashing a manifest can never fail.
[[nodiscard]] std::string encode_manifest(const ServiceManifest& manifest);

// Malformed: over the cap, not JSON, unknown or missing members, wrong types, or not canonical: encoding what was
// read must give the same bytes, which refuses duplicate members too.
[[nodiscard]] Result<ServiceManifest> decode_manifest(ByteView bytes);

}  // namespace blindbox::evidence
