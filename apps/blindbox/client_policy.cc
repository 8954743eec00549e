// SPDX-License-Identifier: Apache-2.0
#include "client_policy.h"

#include <algorithm>

#include "blindbox/endorsements/certificate.h"
#include "blindbox/evidence/sev_snp/report.h"

namespace blindbox::apps {
namespace {

using evidence::sev_snp::Product;
using evidence::sev_snp::Tcb;

// Part by part: a guest that was launched before a firmware update reports two.
Tcb least(const Tcb& a, const Tcb& b) {
  return {std::min(a.fmc, b.fmc), std::min(a.bootloader, b.bootloader), std::min(a.tee, b.tee), std::min(a.snp, b.snp),
          std::min(a.microcode, b.microcode)};
}

// The self-signed certificate among those that travel with the evidence.
Result<base::Sha256> root_fingerprint(const std::vector<Bytes>& certificates) {
  for (const Bytes& der : certificates) {
    auto certificate = endorsements::Certificate::parse(der);
    if (certificate && certificate->common_name().starts_with("ARK-")) return certificate->spki_sha256();
  }
  return base::fail(ErrorKind::platform, "the emulator handed out no root certificate");
}

// Version 2 reports do not name the product; the root's common name, "ARK-Milan", does.
Result<Product> product_of(const evidence::sev_snp::UnverifiedReport& report, const std::vector<Bytes>& certificates) {
  if (const auto product = report.product()) return *product;
  for (const Bytes& der : certificates) {
    auto certificate = endorsements::Certificate::parse(der);
    for (const Product product : {Product::milan, Product::genoa, Product::turin}) {
      if (certificate && certificate->common_name() == "ARK-" + std::string(product_name(product))) return product;
    }
  }
  return base::fail(ErrorKind::platform, "the evidence does not tell which processor it is from");
}

}  // namespace

Result<policy::Policy> client_policy(const evidence::Evidence& evidence, const evidence::ServiceManifest& manifest,
                                     bool emulated) {
  auto report = evidence::sev_snp::parse_report(evidence.report);
  if (!report) return base::pass_on(report);
  auto product = product_of(*report, evidence.certificates);
  if (!product) return base::pass_on(product);
  policy::Policy policy;
  policy.sev_snp.products[*product].minimum_tcb =
      least(decode_tcb(report->reported_tcb, *product), decode_tcb(report->launch_tcb, *product));
  policy.sev_snp.measurements = {{report->measurement}};
  policy.sev_snp.host_data = {{report->host_data}};
  policy.sev_snp.vmpl = report->vmpl;
  policy.manifest.model_sha256 = {{manifest.model.sha256}};
  policy.manifest.software_versions = {{manifest.software.version}};
  policy.manifest.isolation_postures = {{manifest.isolation.posture}};
  policy.manifest.isolation_policies = {{manifest.isolation.policy_sha256}};
  if (emulated) {
    auto root = root_fingerprint(evidence.certificates);
    if (!root) return base::pass_on(root);
    policy.unsafe.trust_emulator = policy::TrustEmulator{*root};
  }
  return policy;
}

policy::ManifestPolicy manifest_of_wrapped(const wrap::Inspection& inspection) {
  policy::ManifestPolicy out;
  out.software_versions = {{inspection.version}};
  out.isolation_policies = {{inspection.specification_sha256}};
  out.isolation_postures.emplace();
  for (const auto tier :
       {specification::Tier::filtered, specification::Tier::namespaces, specification::Tier::confined}) {
    if (tier >= inspection.specification.minimum_tier) {
      out.isolation_postures->emplace_back(specification::tier_name(tier));
    }
  }
  return out;
}

}  // namespace blindbox::apps
