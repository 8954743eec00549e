// SPDX-License-Identifier: Apache-2.0
// A gateway between an application and clients of any manners, on one event loop.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>

#include "blindbox/attested_tls/challenge.h"
#include "blindbox/gateway/gateway.h"
#include "blindbox/http/testing.h"
#include "blindbox/net/tls_stream.h"

namespace blindbox::gateway {

using attested_tls::End;
using attested_tls::Nonce;
using http::Request;
using http::ResponseSink;
using http::testing::Client;
using http::testing::kPatience;
using net::testing::run;
using net::testing::run_until;
using std::chrono::milliseconds;
using ::testing::HasSubstr;
using ::testing::StartsWith;

inline const std::string kGet = "GET /v1/models HTTP/1.1\r\nHost: h\r\n\r\n";
inline const Bytes kManifest = base::to_bytes(base::view("{}"));

inline std::string challenge_of(const std::string& body) {
  return "POST /.well-known/blindbox/attestation HTTP/1.1\r\nHost: h\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}
inline std::string challenge_of(const Nonce& nonce) {
  return challenge_of(std::string(base::as_text(attested_tls::encode_challenge(nonce))));
}

inline Nonce nonce(unsigned value) {
  Nonce out{};
  out.fill(static_cast<std::byte>(value));
  return out;
}

class GatewayTest : public ::testing::Test {
 protected:
  ~GatewayTest() override {
    gateway_.reset();
    // Connections whose clients are gone end in the next turns of the loop.
    loop_.restart();
    while (loop_.poll_one() > 0) {
    }
  }
  // "Evidence" that is the report data alone: the gateway does not look into it.
  static Result<evidence::Evidence> evidence_about(const ByteArray<64>& data) {
    evidence::Evidence out;
    out.report = base::to_bytes(data);
    return out;
  }
  void start(http::Handler handler, Limits limits = {}, attested_tls::EvidenceSource source = evidence_about) {
    application_.emplace(loop_, std::move(handler));
    responder_.emplace(loop_.get_executor(), std::move(source), kManifest);
    gateway_.emplace(
        net::listen_tcp(loop_.get_executor(), {"127.0.0.1", 0}).value(), *responder_,
        [this]() -> net::Task<Result<net::Socket>> {
          if (not_ready_) co_return base::fail(ErrorKind::limit, "the application is not ready");
          ++opened_;
          const std::uint16_t port = application_port_ != 0 ? application_port_ : application_->port();
          auto socket = co_await net::connect_tcp(local(port), kPatience);
          co_return socket;
        },
        limits);
    if (prepare_) prepare_(*gateway_);
    ASSERT_TRUE(gateway_->start());
  }
  static net::HostPort local(std::uint16_t port) { return {"127.0.0.1", port}; }
  void start_echo(Limits limits = {}, attested_tls::EvidenceSource source = evidence_about) {
    start(
        [this](const Request& request, ResponseSink& sink, std::stop_token) {
          ++handled_;
          sink.respond({200, "text/plain", request.method + " " + request.target + " " + request.body, {}});
        },
        limits, std::move(source));
  }

  std::unique_ptr<net::TlsStream> dial(net::asio::ssl::context& context) {
    auto stream = std::make_unique<net::TlsStream>(
        run(loop_, net::connect_tcp({"127.0.0.1", gateway_->port()}, kPatience)).value(), context);
    stream->set_read_deadline(kPatience);
    return stream;
  }
  struct Connected {
    SSL* session;
    std::unique_ptr<Client> client;
  };
  Connected connect() {
    auto stream = dial(*tls_);
    EXPECT_TRUE(run(loop_, stream->handshake(net::TlsStream::Role::client)));
    SSL* const session = stream->native_handle();
    return {session, std::make_unique<Client>(loop_, std::move(stream))};
  }
  // The bundle for a challenge, checked against this end of the session.
  void attest(Connected& to, const Nonce& asked) {
    ASSERT_TRUE(to.client->send(challenge_of(asked)));
    ASSERT_TRUE(to.client->receive_head());
    EXPECT_EQ(to.client->last().status, 200U);
    EXPECT_EQ(http::find_field(to.client->last().fields, "content-type"), "application/cbor");
    std::string body;
    for (std::string piece; !(piece = to.client->receive_piece()).empty();) body += piece;
    const auto bundle = evidence::decode_bundle(base::view(body)).value();
    const auto facts = attested_tls::session_facts(to.session, End::client, asked).value();
    const auto own = attested_tls::binder(
        {asked, facts.exporter, facts.spki_sha256, bundle.manifest, bundle.hpke, bundle.secondary});
    const auto root = attested_tls::root_from_path(own, bundle.path);
    ASSERT_TRUE(root);
    EXPECT_EQ(base::to_hex(bundle.primary.report),
              base::to_hex(attested_tls::report_data(bundle.path.tree_size, *root)));
  }
  Connected attested() {
    auto connected = connect();
    attest(connected, nonce(1));
    return connected;
  }

  net::asio::io_context loop_;
  std::unique_ptr<net::asio::ssl::context> tls_ = attested_tls::make_client_context().value();
  std::atomic<int> handled_ = 0;
  int opened_ = 0;  // connections to the application
  bool not_ready_ = false;
  std::function<void(Gateway&)> prepare_;  // before it starts
  std::uint16_t application_port_ = 0;     // another than application_'s, where set
  std::optional<http::testing::Application> application_;
  std::optional<attested_tls::Responder> responder_;
  std::optional<Gateway> gateway_;
};

}  // namespace blindbox::gateway
