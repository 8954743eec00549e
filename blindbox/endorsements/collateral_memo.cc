// SPDX-License-Identifier: Apache-2.0
#include "blindbox/endorsements/collateral_memo.h"

#include <openssl/err.h>
#include <openssl/x509.h>

#include <deque>
#include <map>
#include <mutex>

namespace blindbox::endorsements {
namespace {

// A hostile server can push others out and cost them a millisecond; it cannot make this grow.
constexpr std::size_t kRemembered = 64;

template <typename Key, typename Value>
class Memo {
 public:
  std::optional<Value> find(const Key& key) {
    const std::scoped_lock lock(mutex_);
    const auto found = values_.find(key);
    return found == values_.end() ? std::nullopt : std::optional(found->second);
  }
  void remember(const Key& key, const Value& value) {
    const std::scoped_lock lock(mutex_);
    if (!values_.emplace(key, value).second) return;
    order_.push_back(key);
    if (order_.size() <= kRemembered) return;
    values_.erase(order_.front());
    order_.pop_front();
  }
  void clear() {
    const std::scoped_lock lock(mutex_);
    values_.clear();
    order_.clear();
  }

 private:
  std::mutex mutex_;
  std::map<Key, Value> values_;
  std::deque<Key> order_;
};

Memo<base::Sha256, Certificate>& certificates() {
  static Memo<base::Sha256, Certificate> memo;
  return memo;
}

// The certificate's whole DER and the issuer's public key.
using Signing = std::pair<base::Sha256, base::Sha256>;
Memo<Signing, bool>& signings() {
  static Memo<Signing, bool> memo;
  return memo;
}

}  // namespace

Result<Certificate> parse_remembered(ByteView der) {
  if (der.size() > kCertificateCap) return Certificate::parse(der);
  const base::Sha256 digest = base::sha256(der);
  if (auto known = certificates().find(digest)) return *std::move(known);
  auto certificate = Certificate::parse(der, digest);
  if (certificate) certificates().remember(digest, *certificate);
  return certificate;
}

bool is_signed_by(const Certificate& certificate, const Certificate& issuer) {
  const Signing signing{certificate.der_sha256(), issuer.spki_sha256()};
  if (signings().find(signing)) return true;
  EVP_PKEY* key = X509_get0_pubkey(issuer.get());
  const bool good = key != nullptr && X509_verify(certificate.get(), key) == 1;
  ERR_clear_error();
  if (good) signings().remember(signing, true);
  return good;
}

void forget_collateral() {
  certificates().clear();
  signings().clear();
}

}  // namespace blindbox::endorsements
