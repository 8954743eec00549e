// SPDX-License-Identifier: Apache-2.0
// An X.509 certificate that parsed; nobody has verified it.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "blindbox/base/clock.h"
#include "blindbox/base/digest.h"

using X509 = struct x509_st;

namespace blindbox::endorsements {

// AMD's certificates have at most some 1700 bytes.
inline constexpr std::size_t kCertificateCap = std::size_t{16} << 10;

class Certificate {
 public:
  // Malformed: over the cap, not DER, trailing bytes, a subject with several common names or organisations, dates
  // that are none.
  [[nodiscard]] static Result<Certificate> parse(ByteView der);
  // The same where the caller has hashed it already.
  [[nodiscard]] static Result<Certificate> parse(ByteView der, const base::Sha256& der_sha256);

  [[nodiscard]] const std::string& common_name() const { return common_name_; }
  [[nodiscard]] const std::string& organization() const { return organization_; }
  [[nodiscard]] const std::string& issuer_common_name() const { return issuer_common_name_; }
  [[nodiscard]] base::Time not_before() const { return not_before_; }
  [[nodiscard]] base::Time not_after() const { return not_after_; }
  // SHA-256 of the SubjectPublicKeyInfo in DER: what roots are pinned by.
  [[nodiscard]] const base::Sha256& spki_sha256() const { return spki_sha256_; }
  [[nodiscard]] const Bytes& der() const { return der_; }
  [[nodiscard]] const base::Sha256& der_sha256() const { return der_sha256_; }
  // OpenSSL's view, for this folder and for the signature check; lives as long as the certificate or a copy of it.
  [[nodiscard]] X509* get() const { return x509_.get(); }

 private:
  Certificate() = default;
  std::shared_ptr<X509> x509_;
  std::string common_name_;
  std::string organization_;
  std::string issuer_common_name_;
  base::Time not_before_{};
  base::Time not_after_{};
  base::Sha256 spki_sha256_{};
  base::Sha256 der_sha256_{};
  Bytes der_;
};

}  // namespace blindbox::endorsements
