// SPDX-License-Identifier: Apache-2.0
#include "blindbox/endorsements/certificate.h"

#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/x509.h>

#include "blindbox/endorsements/internal/asn1.h"

namespace blindbox::endorsements {

using base::fail;

Result<Certificate> Certificate::parse(ByteView der) {
  return parse(der, der.size() > kCertificateCap ? base::Sha256{} : base::sha256(der));
}

Result<Certificate> Certificate::parse(ByteView der, const base::Sha256& der_sha256) {
  if (der.size() > kCertificateCap) {
    return fail(ErrorKind::malformed, "a certificate is larger than " + std::to_string(kCertificateCap) + " bytes");
  }
  auto parsed = internal::parse_x509(der);
  if (!parsed) return base::pass_on(parsed);
  Certificate out;
  out.x509_ = *std::move(parsed);
  X509* x509 = out.get();
  const auto common_name = internal::only_entry(X509_get_subject_name(x509), NID_commonName);
  const auto organization = internal::only_entry(X509_get_subject_name(x509), NID_organizationName);
  const auto issuer = internal::only_entry(X509_get_issuer_name(x509), NID_commonName);
  const auto not_before = internal::to_time(X509_get0_notBefore(x509));
  const auto not_after = internal::to_time(X509_get0_notAfter(x509));
  const Bytes spki = internal::encode_spki(x509);
  ERR_clear_error();
  if (!common_name || !organization || !issuer) {
    return fail(ErrorKind::malformed, "a certificate does not name exactly one subject, organisation and issuer");
  }
  if (!not_before || !not_after) return fail(ErrorKind::malformed, "a certificate has no readable dates");
  if (spki.empty()) return fail(ErrorKind::malformed, "a certificate has no readable public key");
  out.common_name_ = *common_name;
  out.organization_ = *organization;
  out.issuer_common_name_ = *issuer;
  out.not_before_ = *not_before;
  out.not_after_ = *not_after;
  out.spki_sha256_ = base::sha256(spki);
  out.der_sha256_ = der_sha256;
  out.der_ = base::to_bytes(der);
  return out;
}

}  // namespace blindbox::endorsements
