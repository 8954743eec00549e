// SPDX-License-Identifier: Apache-2.0
#include "blindbox/endorsements/certificate.h"

#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/x509.h>

#include "blindbox/endorsements/internal/asn1.h"

namespace blindbox::endorsements {
namespace {

using base::fail;

Bytes encode_spki(X509* x509) {
  unsigned char* der = nullptr;
  const int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &der);
  if (length <= 0) return {};
  Bytes out = base::to_bytes(std::as_bytes(std::span(der, static_cast<std::size_t>(length))));
  OPENSSL_free(der);
  return out;
}

}  // namespace

Result<Certificate> Certificate::parse(ByteView der) {
  if (der.size() > kCertificateCap) {
    return fail(ErrorKind::malformed, "a certificate is larger than " + std::to_string(kCertificateCap) + " bytes");
  }
  const unsigned char* cursor = base::uchars(der);
  Certificate out;
  out.x509_ = std::shared_ptr<X509>(d2i_X509(nullptr, &cursor, static_cast<long>(der.size())), &X509_free);
  // Failures queue up in OpenSSL; a later, unrelated call of this thread must not find them.
  ERR_clear_error();
  if (!out.x509_) return fail(ErrorKind::malformed, "a certificate is not DER");
  if (cursor != base::uchars(der) + der.size()) {
    return fail(ErrorKind::malformed, "a certificate has trailing bytes");
  }
  X509* x509 = out.get();
  const auto common_name = internal::only_entry(X509_get_subject_name(x509), NID_commonName);
  const auto organization = internal::only_entry(X509_get_subject_name(x509), NID_organizationName);
  const auto issuer = internal::only_entry(X509_get_issuer_name(x509), NID_commonName);
  const auto not_before = internal::to_time(X509_get0_notBefore(x509));
  const auto not_after = internal::to_time(X509_get0_notAfter(x509));
  const Bytes spki = encode_spki(x509);
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
  out.der_ = base::to_bytes(der);
  return out;
}

}  // namespace blindbox::endorsements
