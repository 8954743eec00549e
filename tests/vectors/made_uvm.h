// SPDX-License-Identifier: Apache-2.0
// Endorsements of utility VMs as Microsoft would never sign them, under a root of the tests' own.
#pragma once

#include <string>
#include <vector>

#include "blindbox/base/bytes.h"
#include "blindbox/base/clock.h"
#include "blindbox/emulator/keys.h"

namespace blindbox::vectors {

// What is signed and by whom; the defaults make an endorsement that holds.
struct MadeUvm {
  bool cwt = false;  // else the JSON format
  ByteArray<48> measurement{};
  std::string feed = "ContainerPlat-AMD-UVM";
  std::uint64_t svn = 100;
  std::string issuer{};  // empty: the did:x509 name of the root below, with eku
  base::Time signed_at = base::now() - std::chrono::hours(1);

  std::int64_t algorithm = -38;
  std::string digest = "SHA2-384";
  int salt_length = 48;
  bool sign_with_ec = false;

  std::string eku = "1.3.6.1.4.1.311.76.59.1.2";
  std::string leaf_eku = "1.3.6.1.4.1.311.76.59.1.1,1.3.6.1.4.1.311.76.59.1.2";
  std::string leaf_key_usage = "critical,digitalSignature";
  std::string leaf_constraints = "critical,CA:FALSE";
  std::string intermediate_constraints = "critical,CA:TRUE";
  std::string intermediate_key_usage = "critical,keyCertSign,cRLSign";
  std::string root_constraints = "critical,CA:TRUE";
  base::Time leaf_until = base::now() + std::chrono::hours(24);
  std::string certificate_digest = "SHA2-384";
  bool leaf_by_root = false;  // skips the intermediate, which then vouches for nothing
  std::vector<std::size_t> order = {0, 1, 2};
};

// keys.ark signs the root, keys.ask is the intermediate's, keys.asvk the leaf's (keys.vcek with sign_with_ec).
[[nodiscard]] Bytes make_uvm(const MadeUvm& made, const emulator::Keys& keys);

// The name under which the default leaf signs.
[[nodiscard]] std::string issuer_of(const MadeUvm& made, const emulator::Keys& keys);

}  // namespace blindbox::vectors
