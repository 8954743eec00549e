// SPDX-License-Identifier: Apache-2.0
#include "blindbox/endorsements/roots.h"

#include <array>
#include <string_view>

namespace blindbox::endorsements {
namespace {

using evidence::sev_snp::Product;

struct Pin {
  Product product;
  std::string_view spki_sha256;
};

// AMD's key distribution service, /vcek/v1/{product}/cert_chain; each value was compared between the copies that
// several independent projects carry.
constexpr std::array kAmdRoots = {
    Pin{Product::milan, "9f056bee44377e29308cb5ffa895bdfb62d18881fa6bed8d6f075b0204089cb9"},
    Pin{Product::genoa, "429a69c9422aa258ee4d8db5fcda9c6470ef15f8cd5a9cebd6cbc7d90b863831"},
    Pin{Product::turin, "4f125410563a2ab9a50356f9243f6fe0b6f73de98603f53f90339c70e9d7ad08"},
};

// As endorsements of several years carry it; the fingerprint of the same certificate stands in Microsoft's did:x509.
constexpr std::string_view kUvmRoot = "84ce862a73b73d63b1cdbde1d30559eaab4040f6a63638c83e8357fe2250e5d3";

}  // namespace

std::optional<Product> pinned_amd_root(const base::Sha256& spki_sha256) {
  const std::string hex = base::to_hex(spki_sha256);
  for (const Pin& pin : kAmdRoots) {
    if (pin.spki_sha256 == hex) return pin.product;
  }
  return std::nullopt;
}

bool is_pinned_uvm_root(const base::Sha256& spki_sha256) { return base::to_hex(spki_sha256) == kUvmRoot; }

}  // namespace blindbox::endorsements
