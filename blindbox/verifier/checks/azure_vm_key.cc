// SPDX-License-Identifier: Apache-2.0
// Which key speaks for the virtual TPM? The paravisor lists it among its claims and has the processor sign their hash as
// REPORT_DATA: only so does a quote by that key speak for this very guest.
#include <algorithm>

#include "blindbox/base/openssl.h"
#include "blindbox/verifier/internal/checks.h"

namespace blindbox::verifier::checks {
namespace {

using evidence::azure_vm::HashType;
using internal::answer;
using internal::Answer;
using internal::AuthenticateContext;
using openssl::big_endian_number;
using openssl::Number;

constexpr int kLeastBits = 2048;
constexpr int kMostBits = 8192;
constexpr BN_ULONG kLeastExponent = 65537;
constexpr BN_ULONG kMostExponent = 0xFFFFFFFF;

// The hash, and zeros up to the 64 bytes of REPORT_DATA.
ByteArray<64> report_data_of(ByteView variable_data, HashType type) {
  ByteArray<64> out{};
  const auto put = [&out](const auto& digest) { std::copy(digest.begin(), digest.end(), out.begin()); };
  switch (type) {
    case HashType::sha256: put(base::sha256(variable_data)); break;
    case HashType::sha384: put(base::sha384(variable_data)); break;
    case HashType::sha512: put(base::sha512(variable_data)); break;
  }
  return out;
}

Answer judge_report_data(const AuthenticateContext& context) {
  const std::string what = "the hash of the variable data";
  if (context.azure_vm == nullptr) return internal::not_requested(what, "no Azure VM");
  const auto& hcl = context.azure_vm->hcl;
  if (!hcl) return answer(false, what, hcl.error().what);
  const ByteArray<64> expected = report_data_of(hcl->variable_data, hcl->hash_type);
  return answer(base::constant_time_equal(expected, context.report.report_data), base::to_hex(expected),
                base::to_hex(context.report.report_data));
}

std::string describe(const evidence::azure_vm::RsaKey& key, bool& usable) {
  const Number modulus = big_endian_number(key.modulus);
  const Number exponent = big_endian_number(key.exponent);
  if (!modulus || !exponent) return "numbers that cannot be read";
  const int bits = BN_num_bits(modulus.get());
  // BN_get_word gives all ones for what does not fit.
  const BN_ULONG e = BN_get_word(exponent.get());
  const bool sane = e >= kLeastExponent && e <= kMostExponent && BN_is_odd(exponent.get()) == 1;
  usable = bits >= kLeastBits && bits <= kMostBits && BN_is_odd(modulus.get()) == 1 && sane;
  return "RSA-" + std::to_string(bits) + (BN_is_odd(modulus.get()) == 1 ? "" : " of an even modulus") +
         (sane ? "" : ", a bad exponent");
}

Answer judge_key(const AuthenticateContext& context) {
  const std::string expected = "RSA of 2048 to 8192 bits, e odd and >= 65537";
  if (context.azure_vm == nullptr) return internal::not_requested(expected, "no Azure VM");
  const auto& hcl = context.azure_vm->hcl;
  if (!hcl) return answer(false, expected, hcl.error().what);
  if (!hcl->attestation_key) return answer(false, expected, hcl->attestation_key.error().what);
  bool usable = false;
  std::string found = describe(*hcl->attestation_key, usable);
  return answer(usable, expected, std::move(found));
}

}  // namespace

constinit const AuthenticateCheck kAzureVmReportData{
    "azure.vm.report_data",
    "OpenHCL, IgvmAttestRequestBase, runtime claims; AMD 56860 rev. 1.58, Table 23, REPORT_DATA",
    "the report does not vouch for the paravisor's claims",
    "",
    &judge_report_data,
    "Refuses claims, and with them an attestation key, that the paravisor did not have the processor sign."};
constinit const AuthenticateCheck kAzureVmAttestationKey{
    "azure.vm.attestation_key",
    "OpenHCL, runtime claims, HCLAkPub; RFC 7518, section 6.3.1",
    "the virtual TPM's attestation key cannot be used",
    "",
    &judge_key,
    "Refuses an attestation key that is missing, ambiguous or weak."};

}  // namespace blindbox::verifier::checks
