// SPDX-License-Identifier: Apache-2.0
// A certification path as messages carry it (COSE's x5chain): the leaf first, its issuers behind it, the trust anchor
// last. For anybody's certificates; AMD's own chain has stricter rules of its own in sev_snp/chain.h.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "blindbox/base/clock.h"
#include "blindbox/base/digest.h"

using X509 = struct x509_st;

namespace blindbox::endorsements {

inline constexpr std::size_t kMaxPathLength = 10;

class Path {
 public:
  // Malformed: fewer than two certificates, more than kMaxPathLength, one over kCertificateCap, one that is not DER or
  // has trailing bytes.
  [[nodiscard]] static Result<Path> parse(const std::vector<ByteView>& der);

  [[nodiscard]] std::size_t size() const { return certificates_.size(); }
  // OpenSSL's view, 0 being the leaf; lives as long as the path or a copy of it.
  [[nodiscard]] X509* at(std::size_t index) const { return certificates_[index].get(); }
  [[nodiscard]] const Bytes& der(std::size_t index) const { return der_[index]; }
  // SHA-256 of the last certificate's SubjectPublicKeyInfo: what a verifier pins.
  [[nodiscard]] const base::Sha256& anchor_spki_sha256() const { return anchor_spki_sha256_; }

 private:
  Path() = default;
  std::vector<std::shared_ptr<X509>> certificates_;
  std::vector<Bytes> der_;
  base::Sha256 anchor_spki_sha256_{};
};

// RFC 5280 section 6: each certificate is signed by the next, authorities say that they are, path lengths, key usages,
// name constraints and critical extensions hold, and no algorithm has less than 112 bits. The dates of all of them
// hold at the time given; without one, dates are not judged. The last certificate is taken as the anchor: whether it
// is one is the caller's question. Not authentic otherwise, also for certificates that are not part of the path.
[[nodiscard]] Result<void> check_path(const Path& path, std::optional<base::Time> at);

}  // namespace blindbox::endorsements
