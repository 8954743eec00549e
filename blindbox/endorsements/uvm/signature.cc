// SPDX-License-Identifier: Apache-2.0
#include "blindbox/endorsements/uvm/signature.h"

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>

namespace blindbox::endorsements::uvm {
namespace {

using base::fail;

constexpr int kSaltLength = 48;
constexpr int kMinimumBits = 2048;

}  // namespace

Result<void> check_chain(const UnverifiedEndorsement& endorsement, base::Time now) {
  const base::Time at = endorsement.signing_time;
  if (at > now) return fail(ErrorKind::not_authentic, "signed at " + base::to_iso8601(at) + ", which is in the future");
  if (auto path = check_path(endorsement.chain, at); !path) return path;
  X509* leaf = endorsement.chain.at(0);
  if ((X509_get_extension_flags(leaf) & EXFLAG_CA) != 0) {
    return fail(ErrorKind::not_authentic, "the signer's certificate is an authority's");
  }
  if ((X509_get_key_usage(leaf) & KU_DIGITAL_SIGNATURE) == 0) {
    return fail(ErrorKind::not_authentic, "the signer's key is not for signatures");
  }
  return {};
}

Result<void> check_signature(const UnverifiedEndorsement& endorsement) {
  EVP_PKEY* key = X509_get0_pubkey(endorsement.chain.at(0));
  if (key == nullptr || EVP_PKEY_get_base_id(key) != EVP_PKEY_RSA || EVP_PKEY_get_bits(key) < kMinimumBits) {
    ERR_clear_error();
    return fail(ErrorKind::not_authentic, "the signer's key is no RSA key of 2048 bits or more");
  }
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), &EVP_MD_CTX_free);
  EVP_PKEY_CTX* rules = nullptr;  // the context's
  const Bytes& message = endorsement.signed_bytes;
  const Bytes& signature = endorsement.signature;
  const bool good = context && EVP_DigestVerifyInit(context.get(), &rules, EVP_sha384(), nullptr, key) == 1 &&
                    EVP_PKEY_CTX_set_rsa_padding(rules, RSA_PKCS1_PSS_PADDING) == 1 &&
                    EVP_PKEY_CTX_set_rsa_mgf1_md(rules, EVP_sha384()) == 1 &&
                    EVP_PKEY_CTX_set_rsa_pss_saltlen(rules, kSaltLength) == 1 &&
                    EVP_DigestVerify(context.get(), base::uchars(signature), signature.size(), base::uchars(message),
                                     message.size()) == 1;
  ERR_clear_error();
  return good ? Result<void>{} : fail(ErrorKind::not_authentic, "a signature that does not verify");
}

}  // namespace blindbox::endorsements::uvm
