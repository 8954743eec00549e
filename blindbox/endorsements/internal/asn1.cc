// SPDX-License-Identifier: Apache-2.0
#include "blindbox/endorsements/internal/asn1.h"

#include <openssl/err.h>
#include <openssl/obj_mac.h>
#include <openssl/rsa.h>

#include <ctime>
#include <memory>

namespace blindbox::endorsements::internal {

using base::fail;

Result<std::shared_ptr<X509>> parse_x509(ByteView der) {
  const unsigned char* cursor = base::uchars(der);
  std::shared_ptr<X509> x509(d2i_X509(nullptr, &cursor, static_cast<long>(der.size())), &X509_free);
  // Failures queue up in OpenSSL; a later, unrelated call of this thread must not find them.
  ERR_clear_error();
  if (!x509) return fail(ErrorKind::malformed, "a certificate is not DER");
  if (cursor != base::uchars(der) + der.size()) {
    return fail(ErrorKind::malformed, "a certificate has trailing bytes");
  }
  return x509;
}

Bytes encode_spki(X509* x509) {
  unsigned char* der = nullptr;
  const int length = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(x509), &der);
  if (length <= 0) return {};
  Bytes out = base::to_bytes(std::as_bytes(std::span(der, static_cast<std::size_t>(length))));
  OPENSSL_free(der);
  return out;
}

std::optional<std::string> to_text(const ASN1_STRING* value) {
  unsigned char* text = nullptr;
  const int length = ASN1_STRING_to_UTF8(&text, value);
  if (length < 0) return std::nullopt;
  const std::unique_ptr<unsigned char, void (*)(unsigned char*)> owner(text, [](unsigned char* p) { OPENSSL_free(p); });
  return std::string(text, text + length);
}

std::optional<std::string> only_entry(const X509_NAME* name, int nid) {
  const int index = X509_NAME_get_index_by_NID(name, nid, -1);
  if (index < 0 || X509_NAME_get_index_by_NID(name, nid, index) >= 0) return std::nullopt;
  return to_text(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, index)));
}

std::optional<base::Time> to_time(const ASN1_TIME* time) {
  std::tm fields{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &fields) != 1) return std::nullopt;
  return base::Time(std::chrono::seconds(::timegm(&fields)));
}

bool is_rsa_pss_sha384(const X509_ALGOR* algorithm) {
  const ASN1_OBJECT* object = nullptr;
  int type = 0;
  const void* value = nullptr;
  X509_ALGOR_get0(&object, &type, &value, algorithm);
  if (OBJ_obj2nid(object) != NID_rsassaPss || type != V_ASN1_SEQUENCE) return false;
  const auto* sequence = static_cast<const ASN1_STRING*>(value);
  const unsigned char* cursor = ASN1_STRING_get0_data(sequence);
  const std::unique_ptr<RSA_PSS_PARAMS, decltype(&RSA_PSS_PARAMS_free)> parameters(
      d2i_RSA_PSS_PARAMS(nullptr, &cursor, ASN1_STRING_length(sequence)), &RSA_PSS_PARAMS_free);
  if (!parameters) return false;
  const auto names = [](const X509_ALGOR* what, int nid) {
    const ASN1_OBJECT* name = nullptr;
    if (what != nullptr) X509_ALGOR_get0(&name, nullptr, nullptr, what);
    return name != nullptr && OBJ_obj2nid(name) == nid;
  };
  if (!names(parameters->hashAlgorithm, NID_sha384) || !names(parameters->maskGenAlgorithm, NID_mgf1)) return false;
  // The mask generator's own hash is its parameter.
  const ASN1_TYPE* mask = parameters->maskGenAlgorithm->parameter;
  const std::unique_ptr<X509_ALGOR, decltype(&X509_ALGOR_free)> mask_hash(
      static_cast<X509_ALGOR*>(ASN1_TYPE_unpack_sequence(ASN1_ITEM_rptr(X509_ALGOR), mask)), &X509_ALGOR_free);
  const bool trailer = parameters->trailerField == nullptr || ASN1_INTEGER_get(parameters->trailerField) == 1;
  return mask_hash && names(mask_hash.get(), NID_sha384) && trailer && parameters->saltLength != nullptr &&
         ASN1_INTEGER_get(parameters->saltLength) == 48;
}

}  // namespace blindbox::endorsements::internal
