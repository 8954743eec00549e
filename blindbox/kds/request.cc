// SPDX-License-Identifier: Apache-2.0
#include "blindbox/kds/request.h"

#include <cstdio>

#include "blindbox/endorsements/certificate.h"
#include "blindbox/endorsements/sev_snp/crl.h"

namespace blindbox::kds {
namespace {

constexpr std::size_t kChainCap = std::size_t{64} << 10;

std::string product_of(const Request& request) { return std::string(evidence::sev_snp::product_name(request.product)); }

std::string family(const Request& request) { return request.kind == SigningKey::vlek ? "vlek" : "vcek"; }

// Decimal, two digits at least.
std::string level(const char* name, std::uint8_t value) {
  char text[32];
  std::snprintf(text, sizeof text, "%s=%02u", name, unsigned{value});
  return text;
}

std::string tcb_query(const Request& request) {
  const Tcb& tcb = request.tcb;
  const std::string fmc = request.product == Product::turin ? level("fmcSPL", tcb.fmc) + "&" : "";
  return fmc + level("blSPL", tcb.bootloader) + "&" + level("teeSPL", tcb.tee) + "&" + level("snpSPL", tcb.snp) + "&" +
         level("ucodeSPL", tcb.microcode);
}

}  // namespace

Request vcek_request(Product product, const ByteArray<64>& chip_id, std::uint64_t reported_tcb) {
  const std::size_t size = product == Product::turin ? 8 : 64;
  return {What::vcek, SigningKey::vcek, product, base::to_bytes(ByteView(chip_id).first(size)),
          evidence::sev_snp::decode_tcb(reported_tcb, product)};
}

std::string target(const Request& request) {
  std::string folder = "/" + family(request) + "/v1/" + product_of(request) + "/";
  switch (request.what) {
    case What::vcek: return folder + base::to_hex(request.hwid) + "?" + tcb_query(request);
    case What::chain: return folder + "cert_chain";
    case What::crl: return folder + "crl";
  }
  return folder;
}

std::string describe(const Request& request) {
  switch (request.what) {
    case What::vcek: return "the VCEK (" + product_of(request) + ")";
    case What::chain: return "the certificate chain (" + product_of(request) + ", " + family(request) + ")";
    case What::crl: return "the revocation list (" + product_of(request) + ", " + family(request) + ")";
  }
  return "";
}

std::string cache_name(const Request& request) {
  std::string stem = family(request) + "-" + product_of(request) + "-";
  switch (request.what) {
    case What::vcek: {
      char tcb[17];
      std::snprintf(tcb, sizeof tcb, "%016llx",
                    static_cast<unsigned long long>(evidence::sev_snp::encode_tcb(request.tcb, request.product)));
      return stem + base::to_hex(request.hwid) + "-" + tcb;
    }
    case What::chain: return stem + "chain";
    case What::crl: return stem + "crl";
  }
  return stem;
}

std::size_t body_cap(What what) {
  switch (what) {
    case What::vcek: return endorsements::kCertificateCap;
    case What::chain: return kChainCap;
    case What::crl: return endorsements::sev_snp::kCrlCap;
  }
  return 0;
}

}  // namespace blindbox::kds
