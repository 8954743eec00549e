// SPDX-License-Identifier: Apache-2.0
#include "blindbox/endorsements/sev_snp/chain.h"

#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/obj_mac.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include "blindbox/endorsements/collateral_memo.h"
#include "blindbox/endorsements/internal/asn1.h"
#include "blindbox/endorsements/sev_snp/vendor_certificates.h"

namespace blindbox::endorsements::sev_snp {
namespace {

using base::fail;
using evidence::sev_snp::Product;
using evidence::sev_snp::SigningKey;

constexpr std::string_view kOrganization = "Advanced Micro Devices";

std::array<const Certificate*, 3> members(const Chain& chain) {
  return {&chain.leaf, &chain.intermediate, &chain.root};
}

std::string listing(const std::vector<Certificate>& certificates) {
  std::string text;
  for (const Certificate& certificate : certificates) {
    text += (text.empty() ? "" : ", ") + certificate.common_name();
  }
  return text.empty() ? "no certificates" : text;
}

// AMD issues a certificate anew for the same key: of those the latest counts that is valid from now or before.
bool counts_before(const Certificate& one, const Certificate& other, base::Time now) {
  const bool begun = one.not_before() <= now;
  if (begun != (other.not_before() <= now)) return begun;
  return one.not_before() > other.not_before();
}

// Two keys under one name are refused.
Result<Certificate> only_named(const std::vector<Certificate>& certificates, std::string_view name, base::Time now) {
  const Certificate* found = nullptr;
  for (const Certificate& candidate : certificates) {
    if (candidate.common_name() != name) continue;
    if (found != nullptr && found->spki_sha256() != candidate.spki_sha256()) {
      return fail(ErrorKind::not_authentic, "more than one certificate " + std::string(name));
    }
    if (found == nullptr || counts_before(candidate, *found, now)) found = &candidate;
  }
  if (found == nullptr) {
    return fail(ErrorKind::not_authentic, "no certificate " + std::string(name) + " among " + listing(certificates));
  }
  return *found;
}

bool has_rsa_4096(const Certificate& certificate) {
  const EVP_PKEY* key = X509_get0_pubkey(certificate.get());
  return key != nullptr && EVP_PKEY_get_base_id(key) == EVP_PKEY_RSA && EVP_PKEY_get_bits(key) == 4096;
}

bool has_p384(const Certificate& certificate) {
  const EVP_PKEY* key = X509_get0_pubkey(certificate.get());
  char group[32] = {};
  return key != nullptr && EVP_PKEY_get_base_id(key) == EVP_PKEY_EC &&
         EVP_PKEY_get_group_name(key, group, sizeof group, nullptr) == 1 && OBJ_sn2nid(group) == NID_secp384r1;
}

// What a certificate says of itself as an authority. OpenSSL's own reading of extensions hashes the certificate and
// decodes all of them; these are the ones that are asked for.
struct Authority {
  bool sound = true;  // readable, nothing twice, nothing critical that is unknown here
  bool ca = false;
  long path_length = -1;  // -1: no limit
  bool signs_certificates = false;
};

template <typename Object>
std::unique_ptr<Object, void (*)(Object*)> decoded(X509_EXTENSION* extension, void (*release)(Object*)) {
  return {static_cast<Object*>(X509V3_EXT_d2i(extension)), release};
}

bool stands_before(X509* x509, int index) {
  const ASN1_OBJECT* object = X509_EXTENSION_get_object(X509_get_ext(x509, index));
  const int first = X509_get_ext_by_OBJ(x509, object, -1);
  return first >= 0 && first < index;
}

void read_constraints(X509_EXTENSION* extension, Authority& out) {
  const auto constraints = decoded<BASIC_CONSTRAINTS>(extension, &BASIC_CONSTRAINTS_free);
  out.sound = out.sound && constraints != nullptr;
  if (!constraints) return;
  out.ca = constraints->ca != 0;
  if (constraints->pathlen == nullptr) return;
  out.path_length = ASN1_INTEGER_get(constraints->pathlen);
  out.sound = out.sound && out.ca && out.path_length >= 0;
}

void read_usage(X509_EXTENSION* extension, Authority& out) {
  constexpr int kKeyCertSign = 5;  // RFC 5280, section 4.2.1.3
  const auto usage = decoded<ASN1_BIT_STRING>(extension, &ASN1_BIT_STRING_free);
  out.sound = out.sound && usage != nullptr;
  out.signs_certificates = usage != nullptr && ASN1_BIT_STRING_get_bit(usage.get(), kKeyCertSign) == 1;
}

Authority authority_of(X509* x509) {
  Authority out;
  for (int i = 0; i < X509_get_ext_count(x509); ++i) {
    X509_EXTENSION* extension = X509_get_ext(x509, i);
    if (stands_before(x509, i)) out.sound = false;
    switch (OBJ_obj2nid(X509_EXTENSION_get_object(extension))) {
      case NID_basic_constraints: read_constraints(extension, out); break;
      case NID_key_usage: read_usage(extension, out); break;
      default: out.sound = out.sound && X509_EXTENSION_get_critical(extension) == 0;
    }
  }
  ERR_clear_error();
  return out;
}

}  // namespace

Result<std::vector<Certificate>> parse_certificates(const std::vector<Bytes>& der) {
  if (der.size() > kMaxCertificates) {
    return fail(ErrorKind::malformed, "more than " + std::to_string(kMaxCertificates) + " certificates");
  }
  std::vector<Certificate> certificates;
  for (const Bytes& bytes : der) {
    auto certificate = parse_remembered(bytes);
    if (!certificate) return base::pass_on(certificate);
    const bool known = std::any_of(certificates.begin(), certificates.end(),
                                   [&](const Certificate& other) { return other.der() == bytes; });
    if (!known) certificates.push_back(*std::move(certificate));
  }
  return certificates;
}

std::string_view leaf_common_name(SigningKey kind) {
  switch (kind) {
    case SigningKey::vcek: return "SEV-VCEK";
    case SigningKey::vlek: return "SEV-VLEK";
    case SigningKey::none: break;
  }
  return "";
}

namespace {

// Where nothing but the chain so far came with the evidence, AMD's own; another authority beside it, or a damaged one, stays
// the mistake that it is.
Result<Certificate> issuer_of(const std::vector<const Certificate*>& so_far,
                              const std::vector<Certificate>& certificates, base::Time now) {
  const Certificate& last = *so_far.back();
  const bool alone = std::all_of(certificates.begin(), certificates.end(), [&](const Certificate& one) {
    return std::any_of(so_far.begin(), so_far.end(),
                       [&](const Certificate* link) { return link->common_name() == one.common_name(); });
  });
  if (alone) {
    if (auto issuer = vendor_issuer(last)) return issuer;
  }
  return only_named(certificates, last.issuer_common_name(), now);
}

}  // namespace

Result<Chain> select_chain(const std::vector<Certificate>& certificates, SigningKey kind, base::Time now) {
  auto leaf = only_named(certificates, leaf_common_name(kind), now);
  if (!leaf) return base::pass_on(leaf);
  auto intermediate = issuer_of({&*leaf}, certificates, now);
  if (!intermediate) return base::pass_on(intermediate);
  auto root = issuer_of({&*leaf, &*intermediate}, certificates, now);
  if (!root) return base::pass_on(root);
  return Chain{kind, *std::move(leaf), *std::move(intermediate), *std::move(root)};
}

std::optional<Product> named_product(const Chain& chain) {
  const std::string_view name = chain.root.common_name();
  constexpr std::string_view kPrefix = "ARK-";
  if (!name.starts_with(kPrefix)) return std::nullopt;
  return evidence::sev_snp::product_from_name(name.substr(kPrefix.size()));
}

Result<void> check_names(const Chain& chain) {
  const auto product = named_product(chain);
  if (!product) return fail(ErrorKind::not_authentic, "the root is called " + chain.root.common_name());
  const std::string prefix = chain.kind == SigningKey::vlek ? "SEV-VLEK-" : "SEV-";
  const std::string intermediate = prefix + std::string(evidence::sev_snp::product_name(*product));
  if (chain.intermediate.common_name() != intermediate) {
    return fail(ErrorKind::not_authentic, "the intermediate is called " + chain.intermediate.common_name());
  }
  if (chain.leaf.common_name() != leaf_common_name(chain.kind)) {
    return fail(ErrorKind::not_authentic, "the leaf is called " + chain.leaf.common_name());
  }
  for (const Certificate* certificate : members(chain)) {
    if (certificate->organization() != kOrganization) {
      return fail(ErrorKind::not_authentic, certificate->common_name() + " belongs to " + certificate->organization());
    }
  }
  const auto issued_by = [](const Certificate& certificate, const Certificate& issuer) {
    return X509_NAME_cmp(X509_get_issuer_name(certificate.get()), X509_get_subject_name(issuer.get())) == 0;
  };
  if (!issued_by(chain.leaf, chain.intermediate) || !issued_by(chain.intermediate, chain.root) ||
      !issued_by(chain.root, chain.root)) {
    return fail(ErrorKind::not_authentic, "a certificate's issuer is not the next one's subject");
  }
  return {};
}

Result<void> check_algorithms(const Chain& chain) {
  for (const Certificate* certificate : {&chain.intermediate, &chain.root}) {
    if (!has_rsa_4096(*certificate)) {
      return fail(ErrorKind::not_authentic, certificate->common_name() + " has no RSA-4096 key");
    }
  }
  if (!has_p384(chain.leaf)) return fail(ErrorKind::not_authentic, chain.leaf.common_name() + " has no P-384 key");
  for (const Certificate* certificate : members(chain)) {
    const X509_ALGOR* outer = nullptr;
    X509_get0_signature(nullptr, &outer, certificate->get());
    const X509_ALGOR* inner = X509_get0_tbs_sigalg(certificate->get());
    if (!internal::is_rsa_pss_sha384(outer) || X509_ALGOR_cmp(outer, inner) != 0) {
      ERR_clear_error();
      return fail(ErrorKind::not_authentic, certificate->common_name() + " is not signed by RSASSA-PSS with SHA-384");
    }
  }
  return {};
}

Result<void> check_authority(const Chain& chain) {
  const auto refuse = [](const Certificate& certificate, const char* what) {
    return fail(ErrorKind::not_authentic, certificate.common_name() + what);
  };
  const Authority leaf = authority_of(chain.leaf.get());
  const Authority intermediate = authority_of(chain.intermediate.get());
  const Authority root = authority_of(chain.root.get());
  for (const auto& [certificate, says] : {std::pair{&chain.intermediate, &intermediate}, {&chain.root, &root}}) {
    if (!says->ca || !says->signs_certificates) return refuse(*certificate, " is no certificate authority");
  }
  // The intermediate signs leaves only.
  if (intermediate.path_length != 0) return refuse(chain.intermediate, " may sign further authorities");
  if (leaf.ca) return refuse(chain.leaf, " is a certificate authority");
  for (const auto& [certificate, says] :
       {std::pair{&chain.leaf, &leaf}, {&chain.intermediate, &intermediate}, {&chain.root, &root}}) {
    if (!says->sound) return refuse(*certificate, " has an unreadable or unknown critical extension");
  }
  return {};
}

Result<void> check_dates(const Chain& chain, base::Time now) {
  for (const Certificate* certificate : members(chain)) {
    if (now < certificate->not_before()) {
      return fail(ErrorKind::not_authentic,
                  certificate->common_name() + " is valid from " + base::to_iso8601(certificate->not_before()) + " on");
    }
    if (now > certificate->not_after()) {
      return fail(ErrorKind::not_authentic,
                  certificate->common_name() + " has expired at " + base::to_iso8601(certificate->not_after()));
    }
  }
  return {};
}

Result<void> check_signatures(const Chain& chain) {
  if (!is_signed_by(chain.root, chain.root)) {
    return fail(ErrorKind::not_authentic, chain.root.common_name() + " is not signed by itself");
  }
  if (!is_signed_by(chain.intermediate, chain.root)) {
    return fail(ErrorKind::not_authentic,
                chain.intermediate.common_name() + " is not signed by " + chain.root.common_name());
  }
  if (!is_signed_by(chain.leaf, chain.intermediate)) {
    return fail(ErrorKind::not_authentic,
                chain.leaf.common_name() + " is not signed by " + chain.intermediate.common_name());
  }
  return {};
}

}  // namespace blindbox::endorsements::sev_snp
