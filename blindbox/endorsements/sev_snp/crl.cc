// SPDX-License-Identifier: Apache-2.0
#include "blindbox/endorsements/sev_snp/crl.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <memory>

#include "blindbox/endorsements/internal/asn1.h"

namespace blindbox::endorsements::sev_snp {
namespace {

using base::fail;
using Crl = std::unique_ptr<X509_CRL, decltype(&X509_CRL_free)>;

Result<Crl> parse_crl(ByteView der) {
  if (der.size() > kCrlCap) {
    return fail(ErrorKind::malformed, "a revocation list is larger than " + std::to_string(kCrlCap) + " bytes");
  }
  const unsigned char* cursor = base::uchars(der);
  Crl crl(d2i_X509_CRL(nullptr, &cursor, static_cast<long>(der.size())), &X509_CRL_free);
  ERR_clear_error();
  if (!crl) return fail(ErrorKind::malformed, "a revocation list is not DER");
  if (cursor != base::uchars(der) + der.size()) {
    return fail(ErrorKind::malformed, "a revocation list has trailing bytes");
  }
  return crl;
}

Result<void> check_signature(X509_CRL* crl, const Certificate& root) {
  const X509_ALGOR* algorithm = nullptr;
  X509_CRL_get0_signature(crl, nullptr, &algorithm);
  const bool right_algorithm = internal::is_rsa_pss_sha384(algorithm);
  const bool right_issuer = X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(root.get())) == 0;
  EVP_PKEY* key = X509_get0_pubkey(root.get());
  const bool may_sign = (X509_get_key_usage(root.get()) & KU_CRL_SIGN) != 0;
  const bool good = right_algorithm && right_issuer && may_sign && key != nullptr && X509_CRL_verify(crl, key) == 1;
  ERR_clear_error();
  if (!good) return fail(ErrorKind::not_authentic, "a revocation list is not signed by " + root.common_name());
  return {};
}

Result<CrlClaims> claims_of(X509_CRL* crl) {
  const auto issuer = internal::only_entry(X509_CRL_get_issuer(crl), NID_commonName);
  const auto from = internal::to_time(X509_CRL_get0_lastUpdate(crl));
  const auto until = internal::to_time(X509_CRL_get0_nextUpdate(crl));
  ERR_clear_error();
  if (!issuer) return fail(ErrorKind::malformed, "a revocation list does not name exactly one issuer");
  if (!from || !until) return fail(ErrorKind::malformed, "a revocation list without dates");
  return CrlClaims{*issuer, *from, *until};
}

Result<void> check_current(X509_CRL* crl, base::Time now) {
  const auto claims = claims_of(crl);
  if (!claims) return tl::unexpected<Error>(claims.error());
  if (now < claims->this_update) {
    return fail(ErrorKind::not_authentic,
                "a revocation list is current from " + base::to_iso8601(claims->this_update) + " on");
  }
  if (now > claims->next_update) {
    return fail(ErrorKind::not_authentic,
                "a revocation list was current until " + base::to_iso8601(claims->next_update));
  }
  return {};
}

// By serial number alone: AMD numbers all certificates of a product in one list. (Every VCEK has the serial number
// 0, so a list that named it would revoke them all.)
Result<void> check_not_listed(X509_CRL* crl, const Certificate& certificate) {
  X509_REVOKED* entry = nullptr;
  const int found = X509_CRL_get0_by_serial(crl, &entry, X509_get0_serialNumber(certificate.get()));
  ERR_clear_error();
  if (found != 0) return fail(ErrorKind::not_authentic, certificate.common_name() + " is revoked");
  return {};
}

}  // namespace

Result<CrlClaims> read_crl(ByteView der) {
  auto crl = parse_crl(der);
  if (!crl) return base::pass_on(crl);
  return claims_of(crl->get());
}

Result<void> check_crls(const std::vector<Bytes>& crls, const Chain& chain, base::Time now) {
  if (crls.empty()) return fail(ErrorKind::not_authentic, "no revocation list");
  for (const Bytes& der : crls) {
    auto crl = parse_crl(der);
    if (!crl) return base::pass_on(crl);
    auto result = check_signature(crl->get(), chain.root);
    if (result) result = check_current(crl->get(), now);
    if (result) result = check_not_listed(crl->get(), chain.intermediate);
    if (result) result = check_not_listed(crl->get(), chain.leaf);
    if (!result) return result;
  }
  return {};
}

}  // namespace blindbox::endorsements::sev_snp
