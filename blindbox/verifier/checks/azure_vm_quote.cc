// SPDX-License-Identifier: Apache-2.0
// Did the virtual TPM say this, and do the PCR values beside the quote belong to it? The raw bytes are hashed, never a
// quote that was parsed and written again.
#include <fmt/format.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/rsa.h>

#include "blindbox/verifier/internal/checks.h"
#include "blindbox/verifier/internal/openssl.h"

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
using internal::Key;
using internal::not_requested;

// Null where OpenSSL takes the numbers for no key.
Key public_key(const RsaKey& rsa) {
  const internal::Number n = internal::big_endian_number(rsa.modulus);
  const internal::Number e = internal::big_endian_number(rsa.exponent);
  const internal::ParamsBuilder builder(OSSL_PARAM_BLD_new());
  if (!n || !e || !builder || OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return nullptr;
  }
  const internal::Params params(OSSL_PARAM_BLD_to_param(builder.get()));
  const internal::KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr));
  EVP_PKEY* key = nullptr;
  if (!params || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return Key(key);
}

bool set_padding(EVP_PKEY_CTX* context, RsaScheme scheme) {
  if (scheme == RsaScheme::rsassa) return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PADDING) == 1;
  // A TPM salts with as many bytes as the hash has, or as fit (TPM 2.0 Library, Part 1, annex B.7).
  return EVP_PKEY_CTX_set_rsa_padding(context, RSA_PKCS1_PSS_PADDING) == 1 &&
         EVP_PKEY_CTX_set_rsa_pss_saltlen(context, RSA_PSS_SALTLEN_AUTO) == 1;
}

bool verifies(ByteView message, const UnverifiedQuoteSignature& signature, const RsaKey& rsa) {
  const Key key = public_key(rsa);
  const internal::DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* settings = nullptr;  // context's own
  const bool good = key && context &&
                    EVP_DigestVerifyInit(context.get(), &settings, EVP_sha256(), nullptr, key.get()) == 1 &&
                    set_padding(settings, signature.scheme) &&
                    EVP_DigestVerify(context.get(), base::uchars(signature.signature), signature.signature.size(),
                                     base::uchars(message), message.size()) == 1;
  ERR_clear_error();
  return good;
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
  const std::string expected = "RSA with SHA-256 by the attestation key";
  if (auto none = no_quote(context, expected)) return *std::move(none);
  const internal::AzureVmClaims& claims = *context.azure_vm;
  if (!claims.hcl || !claims.hcl->attestation_key) return answer(false, expected, "no attestation key");
  const UnverifiedQuoteSignature& signature = **claims.signature;
  if (signature.hash != kTpmAlgSha256) return answer(false, expected, fmt::format("hash {:04x}", signature.hash));
  const bool good = verifies(claims.raw.quote, signature, *claims.hcl->attestation_key);
  return answer(good, expected, good ? "so it is" : "a signature that does not verify");
}

// The values that the quote selects, one after another; or why they are not all there.
Result<Bytes> selected_values(const UnverifiedQuote& quote, const std::vector<ByteArray<32>>& values) {
  Bytes out;
  for (const auto& selection : quote.pcr_select) {
    for (const std::uint8_t pcr : selection.pcrs()) {
      if (selection.hash != kTpmAlgSha256) {
        return base::fail(ErrorKind::malformed, fmt::format("PCRs of another bank, {:04x}", selection.hash));
      }
      if (pcr >= values.size()) return base::fail(ErrorKind::malformed, fmt::format("no value of PCR {}", pcr));
      out.insert(out.end(), values[pcr].begin(), values[pcr].end());
    }
  }
  return out;
}

Answer judge_pcr_digest(const AuthenticateContext& context) {
  const std::string what = "SHA-256 of the PCR values selected";
  if (auto none = no_quote(context, what)) return *std::move(none);
  const UnverifiedQuote& quote = **context.azure_vm->quote;
  const auto& values = context.azure_vm->raw.pcrs;
  if (values.empty() && !internal::pins_pcrs(context.policy))
    return not_requested(what, "no PCR values in the evidence");
  const auto selected = selected_values(quote, values);
  if (!selected) return answer(false, what, selected.error().what);
  const base::Sha256 digest = base::sha256(*selected);
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
