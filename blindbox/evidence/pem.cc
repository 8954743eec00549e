// SPDX-License-Identifier: Apache-2.0
#include "blindbox/evidence/pem.h"

#include <openssl/asn1.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>

#include <memory>
#include <string_view>

namespace blindbox::evidence {
namespace {

constexpr std::size_t kMostCertificates = 8;

struct FreeBio {
  void operator()(BIO* bio) const { BIO_free(bio); }
};

// True when the bytes are one SEQUENCE with a definite length and nothing behind it.
bool is_one_sequence(ByteView der) {
  const unsigned char* at = base::uchars(der);
  long length = 0;
  int tag = 0;
  int tag_class = 0;
  const int form = ASN1_get_object(&at, &length, &tag, &tag_class, static_cast<long>(der.size()));
  ERR_clear_error();
  return form == V_ASN1_CONSTRUCTED && tag == V_ASN1_SEQUENCE && tag_class == V_ASN1_UNIVERSAL &&
         at + length == base::uchars(der) + der.size();
}

}  // namespace

Result<std::vector<Bytes>> certificates_from_pem(ByteView text) {
  const std::unique_ptr<BIO, FreeBio> bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
  if (!bio) return base::fail(ErrorKind::internal, "out of memory");
  std::vector<Bytes> out;
  while (true) {
    char* name = nullptr;
    char* header = nullptr;
    unsigned char* data = nullptr;
    long length = 0;
    if (PEM_read_bio(bio.get(), &name, &header, &data, &length) != 1) break;
    const bool certificate = std::string_view(name) == PEM_STRING_X509;
    Bytes der = base::to_bytes(std::as_bytes(std::span(data, static_cast<std::size_t>(length))));
    OPENSSL_free(name);
    OPENSSL_free(header);
    OPENSSL_free(data);
    if (!certificate || !is_one_sequence(der)) {
      return base::fail(ErrorKind::malformed, "the PEM text holds something other than certificates");
    }
    if (out.size() == kMostCertificates) {
      return base::fail(ErrorKind::limit, "the PEM text holds more than eight certificates");
    }
    out.push_back(std::move(der));
  }
  // Only "no more blocks" is a good end.
  const bool ended = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (!ended || out.empty()) return base::fail(ErrorKind::malformed, "no certificate in PEM where one belongs");
  return out;
}

Result<std::vector<Bytes>> certificates_from(ByteView der_or_pem) {
  if (is_one_sequence(der_or_pem)) return std::vector<Bytes>{base::to_bytes(der_or_pem)};
  return certificates_from_pem(der_or_pem);
}

}  // namespace blindbox::evidence
