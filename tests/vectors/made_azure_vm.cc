// SPDX-License-Identifier: Apache-2.0
#include "tests/vectors/made_azure_vm.h"

#include <gtest/gtest.h>
#include <openssl/core_names.h>
#include <openssl/rsa.h>

#include <algorithm>

#include "blindbox/base/digest.h"

namespace blindbox::vectors {
namespace {

using openssl::DigestContext;
using openssl::PKey;

void append(Bytes& out, ByteView bytes) { out.insert(out.end(), bytes.begin(), bytes.end()); }

void little_endian(Bytes& out, std::uint32_t value) {
  for (unsigned i = 0; i < 4; ++i) out.push_back(static_cast<std::byte>(value >> (8 * i) & 0xFFU));
}

void big_endian(Bytes& out, std::uint64_t value, unsigned width) {
  for (unsigned i = width; i-- > 0;) out.push_back(static_cast<std::byte>(value >> (8 * i) & 0xFFU));
}

void sized(Bytes& out, ByteView bytes) {
  big_endian(out, bytes.size(), 2);
  append(out, bytes);
}

std::uint32_t with_lie(std::size_t size, std::int32_t lie) {
  return static_cast<std::uint32_t>(static_cast<std::int64_t>(size) + lie);
}

std::string base64url(const Bytes& bytes) {
  std::string text = base::to_base64(bytes);
  std::replace(text.begin(), text.end(), '+', '-');
  std::replace(text.begin(), text.end(), '/', '_');
  text.resize(text.find_last_not_of('=') + 1);
  return text;
}

Bytes number_of(const EVP_PKEY* key, const char* name) {
  BIGNUM* raw = nullptr;
  EXPECT_EQ(EVP_PKEY_get_bn_param(key, name, &raw), 1);
  const std::unique_ptr<BIGNUM, decltype(&BN_free)> number(raw, &BN_free);
  Bytes out(static_cast<std::size_t>(BN_num_bytes(number.get())));
  EXPECT_GT(BN_bn2bin(number.get(), reinterpret_cast<unsigned char*>(out.data())), 0);
  return out;
}

ByteArray<64> hash_of(std::string_view claims, std::uint32_t type) {
  ByteArray<64> out{};
  const auto put = [&out](const auto& digest) { std::copy(digest.begin(), digest.end(), out.begin()); };
  const ByteView bytes = base::view(claims);
  type == 2 ? put(base::sha384(bytes)) : type == 3 ? put(base::sha512(bytes)) : put(base::sha256(bytes));
  return out;
}

}  // namespace

EVP_PKEY* tpm_key() {
  static const PKey key(EVP_RSA_gen(2048U));
  return key.get();
}

EVP_PKEY* other_tpm_key() {
  static const PKey key(EVP_RSA_gen(2048U));
  return key.get();
}

std::string jwk(const EVP_PKEY* key, const std::string& kid) {
  return "{\"kid\":\"" + kid + "\",\"key_ops\":[\"sign\"],\"kty\":\"RSA\",\"e\":\"" +
         base64url(number_of(key, OSSL_PKEY_PARAM_RSA_E)) + "\",\"n\":\"" +
         base64url(number_of(key, OSSL_PKEY_PARAM_RSA_N)) + "\"}";
}

Bytes MadeAzureVm::hcl_report(const Bytes& report) const {
  const std::size_t data_size = (data_version == 2 ? 24U : 20U) + claims.size();
  Bytes out = base::to_bytes(base::view("HCLA"));
  for (const std::uint32_t value :
       {version, with_lie(0x4C0 + data_size, report_size_lie), request_type, status, 0U, 0U, 0U}) {
    little_endian(out, value);
  }
  append(out, report);
  for (const std::uint32_t value : {with_lie(data_size, data_size_lie), data_version, report_type, hash_type,
                                    with_lie(claims.size(), claims_size_lie)}) {
    little_endian(out, value);
  }
  if (data_version == 2) little_endian(out, 0x0F);
  append(out, base::view(claims));
  append(out, padding);
  return out;
}

Bytes MadeAzureVm::quote() const {
  Bytes values;
  for (std::size_t i = 0; i < select.size() * 8; ++i) {
    const bool selected = (select[i / 8] >> (i % 8) & std::byte{1}) != std::byte{0};
    if (selected && i < pcrs.size()) append(values, pcrs[i]);
  }
  Bytes out;
  big_endian(out, 0xFF544347, 4);
  big_endian(out, 0x8018, 2);
  sized(out, Bytes(34, std::byte{0x0B}));
  sized(out, qualifying_data);
  big_endian(out, 1234567, 8);  // clock
  big_endian(out, 3, 4);
  big_endian(out, 0, 4);
  big_endian(out, 1, 1);
  big_endian(out, 0x2020031200120003, 8);  // firmware
  big_endian(out, 1, 4);
  big_endian(out, bank, 2);
  big_endian(out, select.size(), 1);
  append(out, select);
  sized(out, base::sha256(values));
  return out;
}

Bytes MadeAzureVm::signature(const Bytes& message) const {
  const DigestContext context(EVP_MD_CTX_new());
  EVP_PKEY_CTX* settings = nullptr;
  EXPECT_EQ(EVP_DigestSignInit(context.get(), &settings, hash, nullptr, signer), 1);
  if (pss) {
    EXPECT_EQ(EVP_PKEY_CTX_set_rsa_padding(settings, RSA_PKCS1_PSS_PADDING), 1);
  }
  std::size_t length = 0;
  EXPECT_EQ(EVP_DigestSign(context.get(), nullptr, &length, base::uchars(message), message.size()), 1);
  Bytes raw(length);
  EXPECT_EQ(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(raw.data()), &length, base::uchars(message),
                           message.size()),
            1);
  raw.resize(length);
  if (!framed) return raw;
  Bytes out;
  big_endian(out, pss ? 0x0016 : 0x0014, 2);
  big_endian(out, hash_name, 2);
  sized(out, raw);
  return out;
}

evidence::Evidence MadeAzureVm::evidence(const emulator::SecurityProcessor& processor) const {
  ByteArray<64> data = hash_of(claims, hash_type);
  report_data(data);
  evidence::Evidence out = processor.evidence(guest, data);
  evidence::AzureVm& azure = out.azure_vm.emplace();
  azure.hcl_report = hcl_report(out.report);
  azure.quote = quote();
  azure.quote_signature = signature(azure.quote);
  for (std::size_t i = 0; i < pcrs.size(); ++i) {
    azure.pcrs[{0x000B, static_cast<std::uint8_t>(i)}] = base::to_bytes(pcrs[i]);
  }
  return out;
}

}  // namespace blindbox::vectors
