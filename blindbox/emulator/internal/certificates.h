// SPDX-License-Identifier: Apache-2.0
// X.509 in AMD's profile (57230 rev. 0.50, "VCEK Certificate and KDS Interface", and the genuine certificates), with one
// thing that AMD's never have: a Netscape comment that says what it is.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "blindbox/base/bytes.h"
#include "blindbox/base/clock.h"
#include "blindbox/base/openssl.h"
#include "blindbox/emulator/guest.h"

namespace blindbox::emulator::internal {

inline constexpr const char* kComment = "EMULATED BY BLINDBOX - NOT A TEE";

struct Issue {
  std::string subject;  // common name; the rest is AMD's
  std::string issuer;
  std::uint64_t serial = 0;
  base::Time not_before{};
  int years = 0;
  EVP_PKEY* key = nullptr;
  EVP_PKEY* issuer_key = nullptr;
};

[[nodiscard]] Bytes issue_ark(const Issue& issue, Product product);
// issuer: the ARK's certificate in DER. family is "vcek" or "vlek", as in the CRL's address.
[[nodiscard]] Bytes issue_intermediate(const Issue& issue, Product product, const std::string& family, ByteView issuer);

struct LeafClaims {
  Product product = Product::milan;
  Tcb tcb;
  Bytes hwid;          // VCEK: 64 bytes, 8 on Turin; empty on a VLEK
  std::string csp_id;  // VLEK only
};
[[nodiscard]] Bytes issue_leaf(const Issue& issue, const LeafClaims& claims);

[[nodiscard]] Bytes issue_crl(const std::string& issuer, EVP_PKEY* key, ByteView issuer_certificate,
                              const std::vector<std::uint64_t>& revoked, base::Time this_update,
                              base::Time next_update);

}  // namespace blindbox::emulator::internal
