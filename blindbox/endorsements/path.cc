// SPDX-License-Identifier: Apache-2.0
#include "blindbox/endorsements/path.h"

#include <openssl/err.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include "blindbox/endorsements/certificate.h"
#include "blindbox/endorsements/internal/asn1.h"

namespace blindbox::endorsements {
namespace {

using base::fail;

template <typename T, void (*Free)(T*)>
struct Deleter {
  void operator()(T* object) const { Free(object); }
};
using Store = std::unique_ptr<X509_STORE, Deleter<X509_STORE, &X509_STORE_free>>;
using Context = std::unique_ptr<X509_STORE_CTX, Deleter<X509_STORE_CTX, &X509_STORE_CTX_free>>;
// A list that owns nothing: the certificates are the path's.
struct ListDeleter {
  void operator()(STACK_OF(X509) * list) const { sk_X509_free(list); }
};
using List = std::unique_ptr<STACK_OF(X509), ListDeleter>;

constexpr int k112Bits = 2;  // OpenSSL's security level

List between_leaf_and_anchor(const Path& path) {
  List list(sk_X509_new_null());
  for (std::size_t i = 1; list && i + 1 < path.size(); ++i) {
    if (sk_X509_push(list.get(), path.at(i)) <= 0) return {};
  }
  return list;
}

void set_rules(X509_STORE_CTX* context, std::optional<base::Time> at) {
  X509_VERIFY_PARAM* rules = X509_STORE_CTX_get0_param(context);
  // The last certificate is the anchor though nobody signed it but itself, or somebody beyond the path; a signature of
  // its own is checked; deviations that OpenSSL tolerates otherwise are refused.
  X509_VERIFY_PARAM_set_flags(rules,
                              X509_V_FLAG_PARTIAL_CHAIN | X509_V_FLAG_CHECK_SS_SIGNATURE | X509_V_FLAG_X509_STRICT);
  X509_VERIFY_PARAM_set_auth_level(rules, k112Bits);
  if (at) {
    X509_VERIFY_PARAM_set_time(rules, at->time_since_epoch().count());
  } else {
    X509_VERIFY_PARAM_set_flags(rules, X509_V_FLAG_NO_CHECK_TIME);
  }
}

// OpenSSL may leave certificates out, or find another order: then the path is not the one that was given.
bool used_all_in_order(X509_STORE_CTX* context, const Path& path) {
  const STACK_OF(X509)* used = X509_STORE_CTX_get0_chain(context);
  if (used == nullptr || sk_X509_num(used) != static_cast<int>(path.size())) return false;
  for (std::size_t i = 0; i < path.size(); ++i) {
    if (X509_cmp(sk_X509_value(used, static_cast<int>(i)), path.at(i)) != 0) return false;
  }
  return true;
}

}  // namespace

Result<Path> Path::parse(const std::vector<ByteView>& der) {
  if (der.size() < 2 || der.size() > kMaxPathLength) {
    return fail(ErrorKind::malformed, "a certificate path of " + std::to_string(der.size()) + " certificates");
  }
  Path path;
  for (const ByteView bytes : der) {
    if (bytes.size() > kCertificateCap) {
      return fail(ErrorKind::malformed, "a certificate is larger than " + std::to_string(kCertificateCap) + " bytes");
    }
    auto x509 = internal::parse_x509(bytes);
    if (!x509) return base::pass_on(x509);
    path.certificates_.push_back(*std::move(x509));
    path.der_.push_back(base::to_bytes(bytes));
  }
  const Bytes spki = internal::encode_spki(path.certificates_.back().get());
  if (spki.empty()) return fail(ErrorKind::malformed, "a certificate has no readable public key");
  path.anchor_spki_sha256_ = base::sha256(spki);
  return path;
}

Result<void> check_path(const Path& path, std::optional<base::Time> at) {
  for (std::size_t i = 0; i < path.size(); ++i) {
    // X509_verify_cert looks at extensions that cannot be read where it needs them; here they are refused wherever.
    if ((X509_get_extension_flags(path.at(i)) & EXFLAG_INVALID) != 0) {
      ERR_clear_error();
      return fail(ErrorKind::not_authentic, "a certificate has an unreadable extension");
    }
  }
  const Store store(X509_STORE_new());
  const Context context(X509_STORE_CTX_new());
  const List others = between_leaf_and_anchor(path);
  const bool ready = store && context && others && X509_STORE_add_cert(store.get(), path.at(path.size() - 1)) == 1 &&
                     X509_STORE_CTX_init(context.get(), store.get(), path.at(0), others.get()) == 1;
  if (ready) set_rules(context.get(), at);
  const bool good = ready && X509_verify_cert(context.get()) == 1;
  const int why = ready ? X509_STORE_CTX_get_error(context.get()) : X509_V_ERR_OUT_OF_MEM;
  const int where = ready ? X509_STORE_CTX_get_error_depth(context.get()) : 0;
  ERR_clear_error();
  if (!good) {
    return fail(ErrorKind::not_authentic,
                std::string(X509_verify_cert_error_string(why)) + " (certificate " + std::to_string(where) + ")");
  }
  if (!used_all_in_order(context.get(), path)) {
    return fail(ErrorKind::not_authentic, "the certificates are not one path in its order");
  }
  return {};
}

}  // namespace blindbox::endorsements
