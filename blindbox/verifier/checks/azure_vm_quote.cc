// SPDX-License-Identifier: Apache-2.0
// Did the virtual TPM say this, and do the PCR values beside the quote belong to it? The raw bytes are hashed, never a
// quote that was parsed and written again.
#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "blindbox/base/openssl.h"
#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier::checks {
namespace {

using evidence::azure_vm::kTpmAlgSha256;
using evidence::azure_vm::RsaKey;
using evidence::azure_vm::RsaScheme;
using evidence::azure_vm::UnverifiedQuote;
using evidence::azure_vm::UnverifiedQuoteSignature;
using internal::answer;
using internal::Answer;
using internal::AuthenticateContext;
using internal::not_requested;
using openssl::PKey;

// Null where OpenSSL takes the numbers for no key.
PKey public_key(const RsaKey& rsa) {
  const openssl::Number n = openssl::big_endian_number(rsa.modulus);
  const openssl::Number e = openssl::big_endian_number(rsa.exponent);
  const openssl::ParamsBuilder builder(OSSL_PARAM_BLD_new());
  if (!n || !e || !builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return nullptr;
  }
  const openssl::Params params(OSSL_PARAM_BLD_to_param(builder.get()));
  const openssl::PKeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return PKey(key);
}

bool set_padding(EVP_PKEY_CTX* context, RsaScheme scheme) {
  if (scheme == RsaScheme::rsassa) return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
  // A TPM salts with as many bytes as the hash has, or as fit (TPM 2.0 Library, Part 1, annex B.7).
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_AUTO) == 1;
}

// The hashes that may sign; null for any other, SHA-1 among them.
const EVP_MD* digest_of(std::uint16_t hash) {
  switch (hash) {
    case kTpmAlgSha256: return EVP_sha256();
    case 0x000C: return EVP_sha384();
    case 0x000D: return EVP_sha512();
    default: return nullptr;
  }
}

// The TPM digests the PCRs with the hash that it signs with (TPM 2.0 Library, Part 3, TPM2_Quote): where the signature
// is bare, the digest's size tells.
std::uint16_t hash_of(const UnverifiedQuote& quote, const UnverifiedQuoteSignature& signature) {
  if (signature.hash) return *signature.hash;
  switch (quote.pcr_digest.size()) {
    case 48: return 0x000C;
    case 64: return 0x000D;
    default: return kTpmAlgSha256;
  }
}

bool verifies(ByteView message, const Bytes& signature, RsaScheme scheme, const EVP_MD* digest, EVP_PKEY* key) {
  const openssl::DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* settings = nullptr;  // context's own
  const bool good = context && EVP_DigestVerifyInit(context.get(), &settings, digest, nullptr, key) == 1 &&
                    set_padding(settings, scheme) &&
                    EVP_DigestVerify(context.get(), base::uchars(signature), signature.size(), base::uchars(message),
                                     message.size()) == 1;
  ERR_clear_error();
  return good;
}

// By the scheme that the signature names; bare, by either.
bool verifies(ByteView message, const UnverifiedQuoteSignature& signature, const EVP_MD* digest, const RsaKey& rsa) {
  const PKey key = public_key(rsa);
  if (!key) return false;
  if (signature.scheme) return verifies(message, signature.signature, *signature.scheme, digest, key.get());
  return verifies(message, signature.signature, RsaScheme::rsassa, digest, key.get()) ||
         verifies(message, signature.signature, RsaScheme::rsapss, digest, key.get());
}

// Why there is no quote to look at; or nothing, and there is one.
std::optional<Answer> no_quote(const AuthenticateContext& context, const std::string& expected) {
  if (context.azure_vm == nullptr) return not_requested(expected, "no Azure VM");
  const internal::AzureVmClaims& claims = *context.azure_vm;
  if (!claims.quote || !claims.signature) {
    if (internal::quote_waived(context.subject)) return not_requested(expected, "no quote");
    return answer(false, expected, "no quote");
  }
  if (!*claims.quote) return answer(false, expected, claims.quote->error().what);
  if (!*claims.signature) return answer(false, expected, claims.signature->error().what);
  return std::nullopt;
}

Answer judge_signature(const AuthenticateContext& context) {
  const std::string expected = "RSA with SHA-256, 384 or 512 by the attestation key";
  if (auto none = no_quote(context, expected)) return *std::move(none);
  const internal::AzureVmClaims& claims = *context.azure_vm;
  if (!claims.hcl || !claims.hcl->attestation_key) return answer(false, expected, "no attestation key");
  const UnverifiedQuoteSignature& signature = **claims.signature;
  const std::uint16_t hash = hash_of(**claims.quote, signature);
  const EVP_MD* digest = digest_of(hash);
  if (digest == nullptr) return answer(false, expected, evidence::azure_vm::bank_name(hash));
  const bool good = verifies(claims.raw.quote, signature, digest, *claims.hcl->attestation_key);
  return answer(good, expected, good ? "so it is" : "a signature that does not verify");
}

// The values that the quote selects, one after another; or why they are not all there.
Result<Bytes> selected_values(const UnverifiedQuote& quote, const evidence::azure_vm::PcrValues& values) {
  Bytes out;
  for (const auto& selection : quote.pcr_select) {
    for (const std::uint8_t pcr : selection.pcrs()) {
      const auto value = values.find({selection.hash, pcr});
      if (value == values.end()) {
        return base::fail(ErrorKind::malformed,
                          fmt::format("no value of PCR {} of {}", pcr, evidence::azure_vm::bank_name(selection.hash)));
      }
      out.insert(out.end(), value->second.begin(), value->second.end());
    }
  }
  return out;
}

// Empty where the hash is none that may sign.
Bytes digest_by(std::uint16_t hash, ByteView bytes) {
  const auto copy = [](const auto& digest) { return Bytes(digest.begin(), digest.end()); };
  switch (hash) {
    case kTpmAlgSha256: return copy(base::sha256(bytes));
    case 0x000C: return copy(base::sha384(bytes));
    case 0x000D: return copy(base::sha512(bytes));
    default: return {};
  }
}

Answer judge_pcr_digest(const AuthenticateContext& context) {
  const std::string what = "the digest of the PCR values selected";
  if (auto none = no_quote(context, what)) return *std::move(none);
  const UnverifiedQuote& quote = **context.azure_vm->quote;
  const auto& values = context.azure_vm->raw.pcrs;
  if (values.empty() && !internal::pins_pcrs(context.policy))
    return not_requested(what, "no PCR values in the evidence");
  const auto selected = selected_values(quote, values);
  if (!selected) return answer(false, what, selected.error().what);
  const Bytes digest = digest_by(hash_of(quote, **context.azure_vm->signature), *selected);
  return answer(base::constant_time_equal(digest, quote.pcr_digest), base::to_hex(quote.pcr_digest),
                base::to_hex(digest));
}

}  // namespace

constinit const AuthenticateCheck kAzureVmQuoteSignature{
    "azure.vm.quote.signature",
    "TPM 2.0 Library, Part 1, annexes B.6 and B.7; Part 3, TPM2_Quote",
    "the TPM quote is not signed by this guest's attestation key",
    "an Azure VM is judged by a quote of its TPM: give the quote, its signature and the PCR values",
    &judge_signature,
    "Refuses a quote that another TPM signed, or that was altered."};
constinit const AuthenticateCheck kAzureVmPcrDigest{"azure.vm.pcr_digest",
                                                    "TPM 2.0 Library, Part 2, TPMS_QUOTE_INFO; Part 3, TPM2_Quote",
                                                    "the PCR values are not those that the TPM quoted",
                                                    "",
                                                    &judge_pcr_digest,
                                                    "Refuses PCR values that the TPM did not quote."};

}  // namespace blindbox::verifier::checks
