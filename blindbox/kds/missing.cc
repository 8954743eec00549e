// SPDX-License-Identifier: Apache-2.0
#include "blindbox/kds/missing.h"

#include <algorithm>

#include "blindbox/endorsements/sev_snp/chain.h"
#include "blindbox/endorsements/sev_snp/crl.h"

namespace blindbox::kds {
namespace {

using endorsements::Certificate;
using endorsements::sev_snp::leaf_common_name;

std::string intermediate_name(SigningKey kind, Product product) {
  return (kind == SigningKey::vlek ? "SEV-VLEK-" : "SEV-") + std::string(evidence::sev_snp::product_name(product));
}

std::string root_name(Product product) { return "ARK-" + std::string(evidence::sev_snp::product_name(product)); }

bool has(const std::vector<Certificate>& certificates, std::string_view common_name) {
  return std::any_of(certificates.begin(), certificates.end(),
                     [&](const Certificate& one) { return one.common_name() == common_name; });
}

bool is_foreign_authority(const Certificate& certificate, Product product) {
  for (const Product other : evidence::sev_snp::kProducts) {
    if (other == product) continue;
    for (const std::string& name :
         {root_name(other), intermediate_name(SigningKey::vcek, other), intermediate_name(SigningKey::vlek, other)}) {
      if (certificate.common_name() == name) return true;
    }
  }
  return false;
}

// A certificate of the chain says it in its own name, a leaf in its issuer's.
std::optional<Product> named_product(const std::vector<Certificate>& certificates, SigningKey kind) {
  for (const Product product : evidence::sev_snp::kProducts) {
    for (const Certificate& one : certificates) {
      const std::string intermediate = intermediate_name(kind, product);
      if (one.common_name() == intermediate || one.common_name() == root_name(product) ||
          one.issuer_common_name() == intermediate) {
        return product;
      }
    }
  }
  return std::nullopt;
}

std::vector<Product> products_of(const evidence::sev_snp::UnverifiedReport& report,
                                 const std::vector<Certificate>& certificates, SigningKey kind) {
  if (const auto product = report.product()) return {*product};
  if (report.cpuid_family) return {};  // it names a processor that nobody knows
  if (const auto product = named_product(certificates, kind)) return {*product};
  return {Product::milan, Product::genoa};
}

// One of another root's is no list of this chain's; one that cannot be read is the verifier's to refuse.
bool has_list(const std::vector<Bytes>& crls, const std::vector<Product>& products) {
  return std::any_of(crls.begin(), crls.end(), [&](const Bytes& der) {
    const auto claims = endorsements::sev_snp::read_crl(der);
    return !claims || std::any_of(products.begin(), products.end(),
                                  [&](Product product) { return claims->issuer_common_name == root_name(product); });
  });
}

}  // namespace

Result<Missing> find_missing(const evidence::Evidence& evidence, bool crl_wanted) {
  const auto report = evidence::sev_snp::parse_report(evidence.report);
  const auto certificates = endorsements::sev_snp::parse_certificates(evidence.certificates);
  if (!report || !certificates) return Missing{};
  const auto kind = static_cast<SigningKey>(report->signing_key);
  if ((kind != SigningKey::vcek && kind != SigningKey::vlek) || report->mask_chip_key) return Missing{};
  Missing missing;
  missing.products = products_of(*report, *certificates, kind);
  if (missing.products.empty()) return Missing{};
  missing.kind = kind;
  missing.chip_id = report->chip_id;
  missing.reported_tcb = report->reported_tcb;
  missing.leaf = !has(*certificates, leaf_common_name(kind));
  // Where the product is open there is no certificate that would tell, so neither is in the way of the other.
  const Product product = missing.products.front();
  // AMD's own come with the verifier, for a leaf that they signed and that stands alone; two leaves that differ are the
  // verifier's to refuse.
  const bool leaves = std::all_of(certificates->begin(), certificates->end(),
                                  [&](const Certificate& one) { return one.common_name() == leaf_common_name(kind); });
  // Whether there is a chain does not depend on the time, only which of a key's certificates is in it.
  const bool whole = endorsements::sev_snp::select_chain(*certificates, kind, base::Time::max()) ||
                     (leaves && certificates->size() > 1);
  // Beside another product's chain nothing is fetched: that mistake is the verifier's to name.
  const bool alien = std::any_of(certificates->begin(), certificates->end(),
                                 [&](const Certificate& one) { return is_foreign_authority(one, product); });
  missing.intermediate = !whole && !alien && !has(*certificates, intermediate_name(kind, product));
  missing.root = !whole && !alien && !has(*certificates, root_name(product));
  missing.crl = crl_wanted && !has_list(evidence.crls, missing.products);
  if (missing.leaf && kind == SigningKey::vlek) {
    return base::fail(ErrorKind::network, "the evidence lacks its VLEK, which AMD hands to cloud providers only", "",
                      "the provider of the server must deliver the certificate with the evidence");
  }
  if (missing.leaf && base::all_zero(report->chip_id)) {
    return base::fail(ErrorKind::network, "the evidence lacks its VCEK, and the report hides the id of the chip", "",
                      "the operator of the server must deliver the certificate with the evidence");
  }
  return missing;
}

}  // namespace blindbox::kds
