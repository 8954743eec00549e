// SPDX-License-Identifier: Apache-2.0
#include "blindbox/attested_tls/tls_session.h"

#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>

namespace blindbox::attested_tls {
namespace {

using KeyPtr = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using CertificatePtr = std::unique_ptr<X509, decltype(&X509_free)>;
using Context = asio::ssl::context;

constexpr long kCertificateSeconds = 48L * 3600;  // the key itself is replaced at least daily
// TLSEXT_nid_unknown | the code point of X25519MLKEM768, as SSL_get_negotiated_group reports it before OpenSSL 3.5
constexpr int kHybridGroup = 0x1000000 | 0x11EC;

tl::unexpected<Error> tls_failure(const char* what) {
  return base::fail(ErrorKind::internal, std::string("OpenSSL cannot set up TLS: ") + what);
}

Result<std::unique_ptr<Context>> make_context(Context::method method) {
  auto context = std::make_unique<Context>(method);
  SSL_CTX* const ctx = context->native_handle();
  SSL_CTX_clear_options(ctx, SSL_OP_ALL);
  SSL_CTX_set_options(ctx, SSL_OP_NO_TICKET | SSL_OP_NO_COMPRESSION | SSL_OP_NO_RENEGOTIATION);
  SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_OFF);
  SSL_CTX_set_mode(ctx, SSL_MODE_RELEASE_BUFFERS);
  const bool set = SSL_CTX_set_min_proto_version(ctx, TLS1_3_VERSION) == 1 &&
                   SSL_CTX_set_max_proto_version(ctx, TLS1_3_VERSION) == 1 && SSL_CTX_set_num_tickets(ctx, 0) == 1 &&
                   SSL_CTX_set_max_early_data(ctx, 0) == 1 && SSL_CTX_set_block_padding(ctx, kRecordBlock) == 1 &&
                   // With the byte of the content type a full record would be one byte more than whole blocks.
                   SSL_CTX_set_split_send_fragment(ctx, SSL3_RT_MAX_PLAIN_LENGTH - 1) == 1 &&
                   // The hybrid group is there from OpenSSL 3.5 on: probed, not required.
                   (SSL_CTX_set1_groups_list(ctx, "X25519MLKEM768:X25519:P-256") == 1 ||
                    SSL_CTX_set1_groups_list(ctx, "X25519:P-256") == 1);
  if (!set) return tls_failure("the parameters of TLS 1.3");
  return context;
}

CertificatePtr self_signed(EVP_PKEY* key, base::Time now) {
  CertificatePtr certificate(X509_new(), &X509_free);
  X509* const x509 = certificate.get();
  X509_NAME* const name = x509 == nullptr ? nullptr : X509_get_subject_name(x509);
  const auto* common_name = base::uchars(base::view("BlindBox, trusted by evidence only"));
  const std::time_t start = std::chrono::system_clock::to_time_t(now) - 3600;
  const Bytes serial = base::random_bytes(8);
  std::uint64_t number = 0;
  for (const std::byte b : serial) number = number << 8 | std::to_integer<std::uint64_t>(b);
  const bool made = name != nullptr && X509_set_version(x509, X509_VERSION_3) == 1 &&
                    ASN1_INTEGER_set_uint64(X509_get_serialNumber(x509), number) == 1 &&
                    ASN1_TIME_set(X509_getm_notBefore(x509), start) != nullptr &&
                    ASN1_TIME_set(X509_getm_notAfter(x509), start + kCertificateSeconds) != nullptr &&
                    X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, common_name, -1, -1, 0) == 1 &&
                    X509_set_issuer_name(x509, name) == 1 && X509_set_pubkey(x509, key) == 1 &&
                    X509_sign(x509, key, EVP_sha256()) > 0;
  return made ? std::move(certificate) : CertificatePtr(nullptr, &X509_free);
}

Result<base::Sha256> spki_sha256(const X509* certificate) {
  unsigned char* der = nullptr;
  const int length = certificate == nullptr ? -1 : i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der);
  if (length <= 0) return base::fail(ErrorKind::protocol, "the server presented no certificate");
  const auto hash = base::sha256({reinterpret_cast<const std::byte*>(der), static_cast<std::size_t>(length)});
  OPENSSL_free(der);
  return hash;
}

Result<void> check_session(SSL* session) {
  if (SSL_is_init_finished(session) != 1) return base::fail(ErrorKind::protocol, "the TLS handshake has not ended");
  if (SSL_version(session) != TLS1_3_VERSION) {
    return base::fail(ErrorKind::protocol, "the session is not TLS 1.3", SSL_get_version(session));
  }
  if (SSL_session_reused(session) == 1) {
    return base::fail(ErrorKind::protocol, "the TLS session was resumed", "evidence would speak of another handshake");
  }
  const long group = SSL_get_negotiated_group(session);
  const char* const name = SSL_group_to_name(session, static_cast<int>(group));
  const bool hybrid = group == kHybridGroup || (name != nullptr && std::string_view(name) == "X25519MLKEM768");
  if (group != NID_X25519 && group != NID_X9_62_prime256v1 && !hybrid) {
    return base::fail(ErrorKind::protocol, "the TLS group is not allowed", name == nullptr ? "unknown group" : name);
  }
  return {};
}

}  // namespace

Result<std::unique_ptr<Context>> make_server_context(base::Time now) {
  auto context = make_context(Context::tls_server);
  if (!context) return context;
  const KeyPtr key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  const CertificatePtr certificate = key ? self_signed(key.get(), now) : CertificatePtr(nullptr, &X509_free);
  SSL_CTX* const ctx = (*context)->native_handle();
  if (!certificate || SSL_CTX_use_certificate(ctx, certificate.get()) != 1 ||
      SSL_CTX_use_PrivateKey(ctx, key.get()) != 1) {
    return tls_failure("the server's key");
  }
  return context;
}

// The certificate is not looked at during the handshake: what makes the peer trustworthy is the verdict over evidence
// that covers this very session's exporter and this very key.
Result<std::unique_ptr<Context>> make_client_context() {
  auto context = make_context(Context::tls_client);
  if (context) SSL_CTX_set_verify((*context)->native_handle(), SSL_VERIFY_NONE, nullptr);
  return context;
}

Result<SessionFacts> session_facts(SSL* session, End own_end, const Nonce& nonce) {
  if (auto checked = check_session(session); !checked) return base::pass_on(checked);
  const X509* const certificate =
      own_end == End::server ? SSL_get_certificate(session) : SSL_get0_peer_certificate(session);
  auto spki = spki_sha256(certificate);
  if (!spki) return base::pass_on(spki);
  SessionFacts facts{*spki, {}};
  const base::Sha256 context = exporter_context(nonce);
  if (SSL_export_keying_material(session, reinterpret_cast<unsigned char*>(facts.exporter.data()),
                                 facts.exporter.size(), kExporterLabel.data(), kExporterLabel.size(),
                                 base::uchars(context), context.size(), 1) != 1) {
    return base::fail(ErrorKind::protocol, "the TLS exporter failed");
  }
  return facts;
}

}  // namespace blindbox::attested_tls
