// SPDX-License-Identifier: Apache-2.0
// The emulator's own root and leaf keys.
#pragma once

#include <string>

#include "blindbox/base/openssl.h"
#include "blindbox/base/result.h"

namespace blindbox::emulator {

// ARK, ASK and ASVK are RSA-4096, VCEK and VLEK are P-384, as AMD's are. One set serves every product: the names in
// the certificates differ, and a policy names one fingerprint.
struct Keys {
  openssl::PKey ark;
  openssl::PKey ask;
  openssl::PKey asvk;
  openssl::PKey vcek;
  openssl::PKey vlek;
};

// Fresh keys, in memory only. Three RSA-4096 keys take a few seconds.
[[nodiscard]] Result<Keys> generate_keys();

// The keys in folder (five PEM files, 0600, in a folder of 0700), made there first where it has none. For tests and
// demos, which would otherwise spend seconds on RSA each and need a new policy every time: the fingerprint is stable.
// Malformed or partial sets are an error, never replaced; a folder that others can write to is their choice of root.
[[nodiscard]] Result<Keys> load_or_generate_keys(const std::string& folder);
[[nodiscard]] Result<Keys> load_keys(const std::string& folder);
// Where folder has a set already, that one stays.
[[nodiscard]] Result<void> save_keys(const Keys& keys, const std::string& folder);

// SHA-256 of the ARK's SubjectPublicKeyInfo in lower-case hex: what `unsafe: {trust_emulator: ...}` names.
[[nodiscard]] std::string fingerprint(const Keys& keys);

}  // namespace blindbox::emulator
