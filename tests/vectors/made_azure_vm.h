// SPDX-License-Identifier: Apache-2.0
// Azure VMs of the emulator's: a report wrapped into an HCL report, and a quote by a key of the test's own. Whatever can
// be wrong with one is a member here, with a good value.
#pragma once

#include <functional>
#include <string>

#include "blindbox/base/openssl.h"
#include "blindbox/emulator/security_processor.h"

namespace blindbox::vectors {

// A TPM of the process's own; RSA-2048, made on first use.
[[nodiscard]] EVP_PKEY* tpm_key();
// Another key of that kind.
[[nodiscard]] EVP_PKEY* other_tpm_key();

// {"kid":...,"kty":"RSA","e":...,"n":...} of an RSA key.
[[nodiscard]] std::string jwk(const EVP_PKEY* key, const std::string& kid);

struct MadeAzureVm {
  emulator::Guest guest;

  // The HCL report.
  std::uint32_t version = 1;
  std::uint32_t request_type = 2;
  std::uint32_t status = 0;
  std::uint32_t data_version = 1;
  std::uint32_t report_type = 2;
  std::uint32_t hash_type = 1;
  std::int32_t report_size_lie = 0;  // added to the header's size
  std::int32_t data_size_lie = 0;
  std::int32_t claims_size_lie = 0;
  std::string claims = "{\"keys\":[" + jwk(tpm_key(), "HCLAkPub") + "," + jwk(other_tpm_key(), "HCLEkPub") +
                       "],\"vm-configuration\":{\"secure-boot\":true},\"user-data\":\"00\"}";
  Bytes padding = Bytes(300);
  std::function<void(ByteArray<64>&)> report_data = [](ByteArray<64>&) {};

  // The quote.
  Bytes qualifying_data = Bytes(32, std::byte{7});
  std::uint16_t bank = 0x000B;
  Bytes select = Bytes(3, std::byte{0xFF});
  std::vector<ByteArray<32>> pcrs = std::vector<ByteArray<32>>(24, ByteArray<32>{std::byte{1}});
  EVP_PKEY* signer = tpm_key();
  bool pss = false;
  bool framed = false;  // TPMT_SIGNATURE, or the signature's bytes alone
  const EVP_MD* hash = EVP_sha256();
  std::uint16_t hash_name = 0x000B;  // in the frame

  [[nodiscard]] Bytes hcl_report(const Bytes& report) const;
  [[nodiscard]] Bytes quote() const;  // TPMS_ATTEST
  [[nodiscard]] Bytes signature(const Bytes& message) const;
  [[nodiscard]] evidence::Evidence evidence(const emulator::SecurityProcessor& processor) const;
};

}  // namespace blindbox::vectors
