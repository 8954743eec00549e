// SPDX-License-Identifier: Apache-2.0
#include "blindbox/endorsements/sev_snp/crl.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <memory>

#include "blindbox/endorsements/internal/asn1.h"

namespace blindbox::endorsements::sev_snp {
namespace {

using base::fail;
using Crl = std::unique_ptr<X509_CRL, decltype(&X509_CRL_free)>;

Result<Crl> parse_crl(ByteView der) {
  if (der.size() > kCrlCap) {
    return fail(ErrorKind::malformed, "a revocation list is larger than " + std::to_string(kCrlCap) + " bytes");
  }
  const unsigned char* cursor = base::uchars(der);
  Crl crl(d2i_X509_CRL(nullptr, &cursor, static_cast<long>(der.size())), &X509_CRL_free);
  ERR_clear_error();
  if (!crl) return fail(ErrorKind::malformed, "a revocation list is not DER");
  if (cursor != base::uchars(der) + der.size()) {
    return fail(ErrorKind::malformed, "a revocation list has trailing bytes");
  }
  return crl;
}

Result<void> check_signature(X509_CRL* crl, const Certificate& root) {
  const X509_ALGOR* algorithm = nullptr;
  X509_CRL_get0_signature(crl, nullptr, &algorithm);
  const bool right_algorithm = internal::is_rsa_pss_sha384(algorithm);
  const bool right_issuer = X509_NAME_cmp(X509_CRL_get_issuer(crl), X509_get_subject_name(root.get())) == 0;
  EVP_PKEY* key = X509_get0_pubkey(root.get());
  const bool may_sign = (X509_get_key_usage(root.get()) & KU_CRL_SIGN) != 0;
  const bool good = right_algorithm && right_issuer && may_sign && key != nullptr && X509_CRL_verify(crl, key) == 1;
  ERR_clear_error();
  if (!good) return fail(ErrorKind::not_authentic, "a revocation list is not signed by " + root.common_name());
  return {};
}

// RFC 5280, section 5.2.3.
Bytes number_of(const X509_CRL* crl) {
  const std::unique_ptr<ASN1_INTEGER, decltype(&ASN1_INTEGER_free)> number(
      static_cast<ASN1_INTEGER*>(X509_CRL_get_ext_d2i(crl, NID_crl_number, nullptr, nullptr)), &ASN1_INTEGER_free);
  if (!number) return {};
  const unsigned char* data = ASN1_STRING_get0_data(number.get());
  const auto size = static_cast<std::size_t>(ASN1_STRING_length(number.get()));
  return base::to_bytes(std::as_bytes(std::span(data, size)));
}

Result<CrlClaims> claims_of(X509_CRL* crl) {
  const auto issuer = internal::only_entry(X509_CRL_get_issuer(crl), NID_commonName);
  const auto from = internal::to_time(X509_CRL_get0_lastUpdate(crl));
  const auto until = internal::to_time(X509_CRL_get0_nextUpdate(crl));
  ERR_clear_error();
  if (!issuer) return fail(ErrorKind::malformed, "a revocation list does not name exactly one issuer");
  if (!from || !until) return fail(ErrorKind::malformed, "a revocation list without dates");
  return CrlClaims{*issuer, *from, *until, number_of(crl)};
}

struct List {
  Crl crl;
  CrlClaims claims;
};

// The lists of the chain's root; those of AMD's other roots stand beside them where a folder has all.
Result<std::vector<List>> lists_of(const std::vector<Bytes>& crls, const std::string& root) {
  std::vector<List> out;
  for (auto it = crls.begin(); it != crls.end(); ++it) {
    if (std::find(crls.begin(), it, *it) != it) continue;  // once more the same
    auto crl = parse_crl(*it);
    if (!crl) return base::pass_on(crl);
    auto claims = claims_of(crl->get());
    if (!claims) return base::pass_on(claims);
    if (claims->issuer_common_name == root) {
      out.push_back({*std::move(crl), *std::move(claims)});
    } else if (!is_amd_root_name(claims->issuer_common_name)) {
      return fail(ErrorKind::malformed, "a revocation list of " + claims->issuer_common_name + ", no root of AMD's");
    }
  }
  return out;
}

bool is_less(const Bytes& a, const Bytes& b) {
  return a.size() != b.size() ? a.size() < b.size() : std::ranges::lexicographical_compare(a, b);
}

// By date, and by number where both have one; the two must not contradict each other.
Result<const List*> newest(const std::vector<List>& lists, base::Time now) {
  const List* found = nullptr;
  for (const List& list : lists) {
    if (list.claims.this_update > now) continue;
    if (found == nullptr) {
      found = &list;
      continue;
    }
    const List* const later = list.claims.this_update > found->claims.this_update ? &list : found;
    const List* const earlier = later == &list ? found : &list;
    const bool numbered = !later->claims.number.empty() && !earlier->claims.number.empty();
    const bool same = later->claims.this_update == earlier->claims.this_update;
    if ((numbered && is_less(later->claims.number, earlier->claims.number)) || (same && !numbered) ||
        (same && later->claims.number == earlier->claims.number)) {
      return fail(ErrorKind::not_authentic,
                  "two revocation lists of " + list.claims.issuer_common_name + " both claim to be the newest");
    }
    found = later;
  }
  return found;
}

Result<void> check_current(const std::vector<List>& lists, base::Time now) {
  auto list = newest(lists, now);
  if (!list) return base::pass_on(list);
  if (*list == nullptr) {
    return fail(ErrorKind::not_authentic,
                "a revocation list is current from " + base::to_iso8601(lists.front().claims.this_update) + " on");
  }
  if (now > (*list)->claims.next_update) {
    return fail(ErrorKind::not_authentic,
                "a revocation list was current until " + base::to_iso8601((*list)->claims.next_update));
  }
  return {};
}

// By serial number alone: AMD numbers all certificates of a product in one list. (Every VCEK has the serial number
// 0, so a list that named it would revoke them all.)
Result<void> check_not_listed(X509_CRL* crl, const Certificate& certificate) {
  X509_REVOKED* entry = nullptr;
  const int found = X509_CRL_get0_by_serial(crl, &entry, X509_get0_serialNumber(certificate.get()));
  ERR_clear_error();
  if (found != 0) return fail(ErrorKind::not_authentic, certificate.common_name() + " is revoked");
  return {};
}

}  // namespace

Result<CrlClaims> read_crl(ByteView der) {
  auto crl = parse_crl(der);
  if (!crl) return base::pass_on(crl);
  return claims_of(crl->get());
}

bool is_amd_root_name(std::string_view common_name) {
  return std::ranges::any_of(evidence::sev_snp::kProducts, [&](evidence::sev_snp::Product product) {
    return common_name == "ARK-" + std::string(evidence::sev_snp::product_name(product));
  });
}

Result<bool> check_crls(const std::vector<Bytes>& crls, const Chain& chain, base::Time now) {
  auto lists = lists_of(crls, chain.root.common_name());
  if (!lists) return base::pass_on(lists);
  if (lists->empty()) return false;
  for (const List& list : *lists) {
    if (auto good = check_signature(list.crl.get(), chain.root); !good) return base::pass_on(good);
  }
  if (auto current = check_current(*lists, now); !current) return base::pass_on(current);
  for (const List& list : *lists) {
    if (list.claims.this_update > now) continue;
    auto result = check_not_listed(list.crl.get(), chain.intermediate);
    if (result) result = check_not_listed(list.crl.get(), chain.leaf);
    if (!result) return base::pass_on(result);
  }
  return true;
}

}  // namespace blindbox::endorsements::sev_snp
