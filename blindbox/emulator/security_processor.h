// SPDX-License-Identifier: Apache-2.0
// A security processor in software: signs what it is told about any guest. EMULATED, NOT A TEE.
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "blindbox/base/clock.h"
#include "blindbox/emulator/guest.h"
#include "blindbox/emulator/keys.h"
#include "blindbox/evidence/evidence.h"

namespace blindbox::emulator {

// Safe from any thread.
class SecurityProcessor {
 public:
  // Certificates are valid from not_before: 25 years for ARK, ASK and ASVK, 7 for VCEK, 1 for VLEK, as AMD's.
  explicit SecurityProcessor(Keys keys, base::Time not_before = base::now() - std::chrono::hours(24));

  // ATTESTATION_REPORT, 1184 bytes (AMD 56860 rev. 1.58, Table 23), signed by the guest's signing key. Fields that the
  // report's version does not have are zero.
  [[nodiscard]] Bytes report(const Guest& guest, const ByteArray<64>& report_data) const;

  // DER: leaf (VCEK or VLEK), ASK or ASVK, ARK. The same bytes again for the same guest.
  [[nodiscard]] std::vector<Bytes> certificates(const Guest& guest) const;

  // report and certificates together; no CRL.
  [[nodiscard]] evidence::Evidence evidence(const Guest& guest, const ByteArray<64>& report_data) const;

  // A CRL in DER, signed by the product's ARK, that revokes these serials.
  [[nodiscard]] Bytes crl(Product product, const std::vector<std::uint64_t>& revoked, base::Time this_update,
                          base::Time next_update) const;

  // What a policy names to trust this root.
  [[nodiscard]] const std::string& fingerprint() const { return fingerprint_; }
  // Random per set of keys, stable with them; 8 bytes and zeros on Turin.
  [[nodiscard]] ByteArray<64> chip_id(Product product) const;
  // Serial numbers as AMD numbers them.
  [[nodiscard]] static std::uint64_t ark_serial(Product product);
  [[nodiscard]] static std::uint64_t ask_serial(Product product);
  [[nodiscard]] static std::uint64_t asvk_serial(Product product);

 private:
  Keys keys_;
  base::Time not_before_;
  std::string fingerprint_;
  mutable std::mutex mutex_;
  mutable std::map<std::string, Bytes> issued_;  // certificates by what they say
};

}  // namespace blindbox::emulator
