// SPDX-License-Identifier: Apache-2.0
#include "blindbox/net/web.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/tls1.h>
#include <openssl/x509v3.h>

#include <algorithm>

#include "blindbox/net/socket_stream.h"
#include "blindbox/net/tls_stream.h"

namespace blindbox::net {
namespace {

namespace ssl = asio::ssl;

// Without a name to check against, any certificate of any site would do: a failure here must not go unseen.
bool expect_name(SSL* session, const std::string& host) {
  X509_VERIFY_PARAM* rules = SSL_get0_param(session);
  if (X509_VERIFY_PARAM_set1_ip_asc(rules, host.c_str()) == 1) return true;
  ERR_clear_error();
  SSL_set_hostflags(session, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  // SSL_set_tlsext_host_name, which is a macro with a cast that our warnings refuse.
  void* const name = const_cast<char*>(host.c_str());
  return SSL_set1_host(session, host.c_str()) == 1 &&
         SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name) == 1;
}

Result<void> add(ssl::context& to, const WebCertificates& more) {
  error_code error;
  for (const auto& authority : more.authorities) {
    // Asio takes a text without any certificate for one with none to add.
    const bool pem = authority.certificates.find("-----BEGIN ") != std::string::npos;
    if (pem) to.add_certificate_authority(asio::buffer(authority.certificates), error);
    if (!pem || error) return base::fail(ErrorKind::malformed, authority.file + " holds no certificate in PEM");
  }
  if (!more.client) return {};
  // OpenSSL would ask at the terminal, and wait there.
  to.set_password_callback([](std::size_t, ssl::context::password_purpose) { return std::string(); }, error);
  if (!error) to.use_certificate_chain(asio::buffer(more.client->certificates), error);
  if (!error) to.use_private_key(asio::buffer(more.client->key), ssl::context::pem, error);
  if (error)
    return base::fail(ErrorKind::malformed, more.client->file + " and its key are no pair: " + error.message());
  return {};
}

}  // namespace

Result<std::unique_ptr<ssl::context>> make_web_context(const WebCertificates& more) {
  error_code error;
  auto context = std::make_unique<ssl::context>(ssl::context::tls_client);
  const bool new_enough = SSL_CTX_set_min_proto_version(context->native_handle(), TLS1_2_VERSION) == 1;
  context->set_verify_mode(ssl::verify_peer, error);
  if (!error) context->set_default_verify_paths(error);
  if (error || !new_enough) {
    return base::fail(ErrorKind::io, "cannot prepare TLS with the system's trust store: " + error.message());
  }
  if (auto added = add(*context, more); !added) return base::pass_on(added);
  return context;
}

Task<Result<std::unique_ptr<Stream>>> open_web(HostPort at, ssl::context* context, Duration limit,
                                               AddressFilter filter) {
  const auto start = std::chrono::steady_clock::now();
  auto socket = co_await connect_tcp(at, limit, std::move(filter));
  if (!socket) co_return base::pass_on(socket);
  if (context == nullptr) co_return std::unique_ptr<Stream>(new SocketStream(std::move(*socket)));
  auto stream = std::make_unique<TlsStream>(std::move(*socket), *context);
  if (!expect_name(stream->native_handle(), at.host)) {
    co_return base::fail(ErrorKind::network, "TLS cannot check the name " + at.host);
  }
  const auto spent = std::chrono::duration_cast<Duration>(std::chrono::steady_clock::now() - start);
  stream->set_read_deadline(std::max(limit - spent, Duration(1)));
  auto shaken = co_await stream->handshake(TlsStream::Role::client);
  if (!shaken) co_return base::pass_on(shaken);
  co_return std::unique_ptr<Stream>(std::move(stream));
}

}  // namespace blindbox::net
