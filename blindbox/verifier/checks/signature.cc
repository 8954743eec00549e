// SPDX-License-Identifier: Apache-2.0
// Did this chip (or provider key) sign these very bytes? The raw bytes are hashed, never a report that was parsed and
// written again.
#include <openssl/bn.h>
#include <openssl/ecdsa.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/x509.h>

#include <memory>

#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier::checks {
namespace {

using internal::answer;
using internal::Answer;
using internal::AuthenticateContext;

constexpr std::uint32_t kEcdsaP384Sha384 = 1;  // Table 138

using Number = std::unique_ptr<BIGNUM, decltype(&BN_free)>;

// Table 139: little-endian, extended with zeros to 72 bytes. BN_lebin2bn takes the zeros as such; a number that is
// too large for the curve fails in the verification.
Number read_number(const ByteArray<72>& bytes) {
  return {BN_lebin2bn(base::uchars(bytes), static_cast<int>(bytes.size()), nullptr), &BN_free};
}

Bytes encode_signature(const evidence::sev_snp::UnverifiedReport& report) {
  Number r = read_number(report.signature_r);
  Number s = read_number(report.signature_s);
  const std::unique_ptr<ECDSA_SIG, decltype(&ECDSA_SIG_free)> signature(ECDSA_SIG_new(), &ECDSA_SIG_free);
  if (!r || !s || !signature || ECDSA_SIG_set0(signature.get(), r.get(), s.get()) != 1) return {};
  // The signature owns them from here on.
  (void)r.release();
  (void)s.release();
  unsigned char* der = nullptr;
  const int length = i2d_ECDSA_SIG(signature.get(), &der);
  if (length <= 0) return {};
  Bytes out = base::to_bytes(std::as_bytes(std::span(der, static_cast<std::size_t>(length))));
  OPENSSL_free(der);
  return out;
}

bool verifies(ByteView message, ByteView signature, EVP_PKEY* key) {
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  const bool good = context && key != nullptr && !signature.empty() &&
                    EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha384(), nullptr, key) == 1 &&
                    EVP_DigestVerify(context.get(), base::uchars(signature), signature.size(), base::uchars(message),
                                     message.size()) == 1;
  ERR_clear_error();
  return good;
}

Answer judge(const AuthenticateContext& context) {
  const std::string expected = "ECDSA P-384 with SHA-384 by the leaf's key over bytes 0 to 29Fh";
  if (!context.chain) return answer(false, expected, context.chain.error().what);
  if (context.report.signature_algo != kEcdsaP384Sha384) {
    return answer(false, expected, "algorithm " + std::to_string(context.report.signature_algo));
  }
  if (context.bytes.size() != evidence::sev_snp::kReportSize) return answer(false, expected, "no report");
  const bool good = verifies(context.bytes.first(evidence::sev_snp::kSignedSize), encode_signature(context.report),
                             X509_get0_pubkey(context.chain->leaf.get()));
  return answer(good, expected, good ? "so it is" : "a signature that does not verify");
}

}  // namespace

constinit const AuthenticateCheck kSignature{"sev_snp.signature",
                                             "AMD 56860 rev. 1.58, Tables 23, 138 and 139",
                                             "the report is not signed by the key of the certificate beside it",
                                             "",
                                             &judge,
                                             "Refuses altered reports, and reports of another chip."};

}  // namespace blindbox::verifier::checks
