// SPDX-License-Identifier: Apache-2.0
#include "blindbox/attested_tls/tls_session.h"

#include <gtest/gtest.h>
#include <openssl/x509.h>

#include "blindbox/attested_tls/testing.h"

namespace blindbox::attested_tls {
namespace {

using testing::SessionPair;
using ContextPtr = std::unique_ptr<asio::ssl::context>;

constexpr std::size_t kRecordHeader = 5;
constexpr std::size_t kTag = 16;

ContextPtr server_context() { return make_server_context(base::now()).value(); }
ContextPtr client_context() { return make_client_context().value(); }
Nonce nonce(unsigned value) {
  Nonce out{};
  out.fill(static_cast<std::byte>(value));
  return out;
}

TEST(Session, BothEndsAgreeOnItsFacts) {
  const auto server = server_context(), client = client_context();
  SessionPair pair(client->native_handle(), server->native_handle());
  ASSERT_TRUE(pair.handshake());
  const auto at_client = session_facts(pair.client(), End::client, nonce(1)).value();
  const auto at_server = session_facts(pair.server(), End::server, nonce(1)).value();
  EXPECT_EQ(at_client.exporter, at_server.exporter);
  EXPECT_EQ(at_client.spki_sha256, at_server.spki_sha256);
  EXPECT_FALSE(base::all_zero(at_client.exporter));
  EXPECT_FALSE(base::all_zero(at_client.spki_sha256));
  EXPECT_NE(session_facts(pair.client(), End::client, nonce(2)).value().exporter, at_client.exporter) << "a nonce each";
  EXPECT_EQ(pair.send(pair.client(), pair.server(), "hello"), "hello");
}

TEST(Session, OfTheSameKeyHasAnExporterOfItsOwn) {
  const auto server = server_context(), client = client_context();
  SessionPair one(client->native_handle(), server->native_handle());
  SessionPair two(client->native_handle(), server->native_handle());
  ASSERT_TRUE(one.handshake() && two.handshake());
  const auto first = session_facts(one.client(), End::client, nonce(1)).value();
  const auto second = session_facts(two.client(), End::client, nonce(1)).value();
  EXPECT_EQ(first.spki_sha256, second.spki_sha256);
  EXPECT_NE(first.exporter, second.exporter);
}

TEST(ServerContext, EachHasAKeyOfItsOwnOnP256) {
  const auto one = server_context(), two = server_context();
  const EVP_PKEY* const key = SSL_CTX_get0_privatekey(one->native_handle());
  EXPECT_EQ(EVP_PKEY_get_bits(key), 256);
  EXPECT_EQ(EVP_PKEY_eq(key, SSL_CTX_get0_privatekey(two->native_handle())), 0);
  EXPECT_EQ(EVP_PKEY_eq(key, X509_get0_pubkey(SSL_CTX_get0_certificate(one->native_handle()))), 1);
}

TEST(Session, IsTls13OrNone) {
  const auto server = server_context(), client = client_context();
  asio::ssl::context old_client(asio::ssl::context::tls_client);
  SSL_CTX_set_max_proto_version(old_client.native_handle(), TLS1_2_VERSION);
  SSL_CTX_set_verify(old_client.native_handle(), SSL_VERIFY_NONE, nullptr);
  EXPECT_FALSE(SessionPair(old_client.native_handle(), server->native_handle()).handshake());

  asio::ssl::context old_server(asio::ssl::context::tls_server);
  SSL_CTX_set_max_proto_version(old_server.native_handle(), TLS1_2_VERSION);
  SSL_CTX_use_certificate(old_server.native_handle(), SSL_CTX_get0_certificate(server->native_handle()));
  SSL_CTX_use_PrivateKey(old_server.native_handle(), SSL_CTX_get0_privatekey(server->native_handle()));
  EXPECT_FALSE(SessionPair(client->native_handle(), old_server.native_handle()).handshake());
  // The two would do with each other: what refused them above is our end.
  SessionPair old_pair(old_client.native_handle(), old_server.native_handle());
  ASSERT_TRUE(old_pair.handshake());
  const auto facts = session_facts(old_pair.client(), End::client, nonce(1));
  ASSERT_FALSE(facts);
  EXPECT_EQ(facts.error().what, "the session is not TLS 1.3");
}

TEST(Session, UsesAnAllowedGroupOrNone) {
  const auto server = server_context(), client = client_context();
  const auto with_groups = [](const char* groups) {
    ContextPtr context = client_context();
    EXPECT_EQ(SSL_CTX_set1_groups_list(context->native_handle(), groups), 1);
    return context;
  };
  for (const char* allowed : {"X25519", "P-256"}) {
    SessionPair pair(with_groups(allowed)->native_handle(), server->native_handle());
    ASSERT_TRUE(pair.handshake()) << allowed;
    EXPECT_TRUE(session_facts(pair.client(), End::client, nonce(1))) << allowed;
    EXPECT_TRUE(session_facts(pair.server(), End::server, nonce(1))) << allowed;
  }
  for (const char* other : {"P-384", "P-521", "X448", "ffdhe2048"}) {
    EXPECT_FALSE(SessionPair(with_groups(other)->native_handle(), server->native_handle()).handshake()) << other;
  }
  // Both contexts weakened: the facts still refuse.
  const auto weak_server = server_context();
  ASSERT_EQ(SSL_CTX_set1_groups_list(weak_server->native_handle(), "P-384"), 1);
  SessionPair pair(with_groups("P-384")->native_handle(), weak_server->native_handle());
  ASSERT_TRUE(pair.handshake());
  EXPECT_EQ(session_facts(pair.client(), End::client, nonce(1)).error().what, "the TLS group is not allowed");
  EXPECT_EQ(session_facts(pair.server(), End::server, nonce(1)).error().what, "the TLS group is not allowed");
}

void on_message(int, int, int content_type, const void* data, std::size_t size, SSL*, void* count) {
  const auto* const message = static_cast<const unsigned char*>(data);
  if (content_type == SSL3_RT_HANDSHAKE && size > 0 && message[0] == SSL3_MT_NEWSESSION_TICKET)
    ++*static_cast<int*>(count);
}

// Handshake and some data: how many tickets came.
int tickets(SessionPair& pair) {
  int count = 0;
  SSL_set_msg_callback(pair.client(), on_message);
  SSL_set_msg_callback_arg(pair.client(), &count);
  EXPECT_TRUE(pair.handshake());
  EXPECT_EQ(pair.send(pair.server(), pair.client(), "data"), "data");
  return count;
}

TEST(Session, CannotBeResumed) {
  const auto server = server_context(), client = client_context();
  SessionPair pair(client->native_handle(), server->native_handle());
  EXPECT_EQ(tickets(pair), 0);
  SSL_SESSION* const session = SSL_get0_session(pair.client());
  EXPECT_EQ(SSL_SESSION_is_resumable(session), 0);
  EXPECT_EQ(SSL_SESSION_get_max_early_data(session), 0U);
  SessionPair again(client->native_handle(), server->native_handle());
  SSL_set_session(again.client(), session);
  ASSERT_TRUE(again.handshake());
  EXPECT_EQ(SSL_session_reused(again.client()), 0);
}

TEST(Session, ThatWasResumedIsRefused) {
  // A server that issues tickets all the same.
  const auto server = server_context(), client = client_context();
  SSL_CTX_set_num_tickets(server->native_handle(), 1);
  SSL_CTX_clear_options(server->native_handle(), SSL_OP_NO_TICKET);
  SSL_CTX_set_session_cache_mode(server->native_handle(), SSL_SESS_CACHE_SERVER);
  SessionPair pair(client->native_handle(), server->native_handle());
  ASSERT_EQ(tickets(pair), 1) << "this test needs a session that can be resumed";
  SessionPair again(client->native_handle(), server->native_handle());
  SSL_set_session(again.client(), SSL_get0_session(pair.client()));
  ASSERT_TRUE(again.handshake());
  ASSERT_EQ(SSL_session_reused(again.client()), 1);
  EXPECT_EQ(session_facts(again.client(), End::client, nonce(1)).error().what, "the TLS session was resumed");
  EXPECT_EQ(session_facts(again.server(), End::server, nonce(1)).error().what, "the TLS session was resumed");
}

TEST(Session, TakesNoEarlyData) {
  const auto server = server_context();
  EXPECT_EQ(SSL_CTX_get_max_early_data(server->native_handle()), 0U);
  EXPECT_EQ(SSL_CTX_get_num_tickets(server->native_handle()), 0U);
  const auto client = client_context();
  SessionPair pair(client->native_handle(), server->native_handle());
  std::size_t written = 0;
  EXPECT_NE(SSL_write_early_data(pair.client(), "x", 1, &written), 1);
}

TEST(Facts, NeedAHandshake) {
  const auto server = server_context(), client = client_context();
  SessionPair pair(client->native_handle(), server->native_handle());
  EXPECT_FALSE(session_facts(pair.client(), End::client, nonce(1)));
  EXPECT_FALSE(session_facts(pair.server(), End::server, nonce(1)));
}

// The lengths of the application data records in a capture.
std::vector<std::size_t> record_lengths(const std::string& wire) {
  std::vector<std::size_t> lengths;
  for (std::size_t at = 0; at + kRecordHeader <= wire.size();) {
    const auto byte = [&](std::size_t i) { return static_cast<std::size_t>(static_cast<unsigned char>(wire[at + i])); };
    const std::size_t length = byte(3) << 8 | byte(4);
    if (byte(0) == SSL3_RT_APPLICATION_DATA) lengths.push_back(length);
    at += kRecordHeader + length;
  }
  return lengths;
}

TEST(Records, ArePaddedToWholeBlocksAtBothEnds) {
  const auto server = server_context(), client = client_context();
  SessionPair pair(client->native_handle(), server->native_handle());
  ASSERT_TRUE(pair.handshake());
  for (const std::size_t size :
       {1U, 2U, 100U, 510U, 511U, 512U, 513U, 5000U, 15871U, 15872U, 16382U, 16383U, 16384U, 16385U, 40000U}) {
    const std::string text(size, 'x');
    ASSERT_EQ(pair.send(pair.client(), pair.server(), text), text);
    ASSERT_EQ(pair.send(pair.server(), pair.client(), text), text);
  }
  for (const std::string& wire : {pair.to_server(), pair.to_client()}) {
    const auto lengths = record_lengths(wire);
    EXPECT_GT(lengths.size(), 15U);
    for (const std::size_t length : lengths) EXPECT_EQ((length - kTag) % kRecordBlock, 0U) << length;
  }
}

TEST(Records, OfOneBlockHaveOneSize) {
  const auto server = server_context(), client = client_context();
  SessionPair pair(client->native_handle(), server->native_handle());
  ASSERT_TRUE(pair.handshake());
  const std::size_t before = pair.to_client().size();
  (void)pair.send(pair.server(), pair.client(), "a");
  const std::size_t one = pair.to_client().size() - before;
  (void)pair.send(pair.server(), pair.client(), std::string(511, 'b'));
  EXPECT_EQ(pair.to_client().size() - before, 2 * one);
}

}  // namespace
}  // namespace blindbox::attested_tls
