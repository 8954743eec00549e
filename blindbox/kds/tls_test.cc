// SPDX-License-Identifier: Apache-2.0
// HTTPS as the web has it: whom the client trusts, and for which name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "blindbox/base/file.h"
#include "blindbox/base/openssl.h"
#include "blindbox/kds/client.h"
#include "blindbox/kds/testing.h"
#include "blindbox/net/sessions.h"
#include "blindbox/net/testing.h"
#include "blindbox/net/tls_stream.h"

namespace blindbox::kds {
namespace {

namespace ssl = net::asio::ssl;
using net::testing::run;
using ::testing::HasSubstr;

using base::openssl::Bio;
using base::openssl::Certificate;
using base::openssl::Extension;
using base::openssl::PKey;

// Signed by itself, for the names of "DNS:a,IP:b".
Certificate make_certificate(EVP_PKEY* key, const std::string& names) {
  Certificate certificate(X509_new());
  X509* x = certificate.get();
  X509_set_version(x, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
  X509_gmtime_adj(X509_getm_notBefore(x), -3600);
  X509_gmtime_adj(X509_getm_notAfter(x), 3600);
  const std::string name = "test service";
  X509_NAME_add_entry_by_txt(X509_get_subject_name(x), "CN", MBSTRING_ASC, base::uchars(base::view(name)), -1, -1, 0);
  X509_set_issuer_name(x, X509_get_subject_name(x));
  X509_set_pubkey(x, key);
  const Extension alternative(X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, names.c_str()));
  X509_add_ext(x, alternative.get(), -1);
  X509_sign(x, key, EVP_sha256());
  return certificate;
}

class TlsTest : public ::testing::Test {
 protected:
  void serve(const std::string& names, int newest = TLS1_3_VERSION) {
    const PKey key(EVP_EC_gen("P-256"));
    const Certificate certificate = make_certificate(key.get(), names);
    context_ = std::make_unique<ssl::context>(ssl::context::tls_server);
    ASSERT_EQ(SSL_CTX_use_certificate(context_->native_handle(), certificate.get()), 1);
    ASSERT_EQ(SSL_CTX_use_PrivateKey(context_->native_handle(), key.get()), 1);
    SSL_CTX_set_security_level(context_->native_handle(), 0);
    SSL_CTX_set_max_proto_version(context_->native_handle(), newest);
    Bio bio(BIO_new(BIO_s_mem()));
    PEM_write_bio_X509(bio.get(), certificate.get());
    char* text = nullptr;
    const auto size = static_cast<std::size_t>(BIO_get_mem_data(bio.get(), &text));
    ASSERT_TRUE(base::write_file(folder_.path() + "/root.pem", base::view({text, size})));
    sessions_ = std::make_unique<net::Sessions>(
        net::listen_tcp(loop_.get_executor(), {"127.0.0.1", 0}).value(), 10,
        [this](net::Socket socket, net::Session& session) { return answer(std::move(socket), session); });
    sessions_->start();
  }
  Result<Response> get(const std::string& host) {
    Client client(Origin{true, {host, sessions_->port()}}, {.attempts = 1}, time_.pace(), {});
    return run(loop_, client.get("/", 100, time_.pace().now() + std::chrono::seconds(60)));
  }
  // As the system's administrator would.
  void trust_it() { ASSERT_EQ(::setenv("SSL_CERT_FILE", (folder_.path() + "/root.pem").c_str(), 1), 0); }
  void trust_nobody() {
    ASSERT_EQ(::setenv("SSL_CERT_FILE", (folder_.path() + "/none.pem").c_str(), 1), 0);
    ASSERT_EQ(::setenv("SSL_CERT_DIR", folder_.path().c_str(), 1), 0);
  }
  void expect_refused(const std::string& host) {
    const auto answer = get(host);
    ASSERT_FALSE(answer) << host;
    EXPECT_EQ(answer.error().kind, ErrorKind::network);
    EXPECT_THAT(answer.error().what, HasSubstr("the TLS handshake failed"));
    EXPECT_EQ(requests_, 0);
  }

  net::asio::io_context loop_;
  testing::FakeTime time_;
  testing::Folder folder_;
  int requests_ = 0;
  std::string server_name_;

 private:
  net::Task<void> answer(net::Socket socket, net::Session& session) {
    net::TlsStream stream(std::move(socket), *context_);
    session.own(stream);
    const auto shaken = co_await stream.handshake(net::TlsStream::Role::server);
    if (!shaken) co_return;
    const char* name = SSL_get_servername(stream.native_handle(), TLSEXT_NAMETYPE_host_name);
    server_name_ = name != nullptr ? name : "";
    std::array<std::byte, 4096> piece{};
    const auto got = co_await stream.read_some(piece);
    if (!got || *got == 0) co_return;
    ++requests_;
    (void)co_await stream.write(base::view("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nfine"));
    co_await stream.shut_down();
  }

  std::unique_ptr<ssl::context> context_;
  std::unique_ptr<net::Sessions> sessions_;
};

TEST_F(TlsTest, a_trusted_certificate_of_the_right_name_does) {
  serve("DNS:localhost");
  trust_it();
  const auto answer = get("localhost");
  ASSERT_TRUE(answer) << answer.error().what;
  EXPECT_EQ(answer->body, "fine");
  EXPECT_EQ(server_name_, "localhost");
}

TEST_F(TlsTest, so_does_one_of_the_right_address) {
  serve("IP:127.0.0.1");
  trust_it();
  EXPECT_TRUE(get("127.0.0.1"));
}

TEST_F(TlsTest, nobody_else_does) {
  serve("DNS:localhost,IP:127.0.0.1");
  trust_nobody();
  expect_refused("localhost");
  expect_refused("127.0.0.1");
}

TEST_F(TlsTest, no_other_name_does) {
  serve("DNS:kdsintf.amd.com,DNS:local*,IP:127.0.0.2");
  trust_it();
  expect_refused("localhost");
  expect_refused("127.0.0.1");
}

TEST_F(TlsTest, no_old_version_does) {
  serve("DNS:localhost", TLS1_1_VERSION);
  trust_it();
  expect_refused("localhost");
}

}  // namespace
}  // namespace blindbox::kds
