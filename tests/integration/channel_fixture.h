// SPDX-License-Identifier: Apache-2.0
// The whole channel in one process: an editor, the proxy, a far end, and an application behind it.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <list>
#include <nlohmann/json.hpp>

#include "blindbox/attested_tls/challenge.h"
#include "blindbox/attested_tls/responder.h"
#include "blindbox/emulator/testing.h"
#include "blindbox/evidence/manifest.h"
#include "blindbox/gateway/gateway.h"
#include "blindbox/http/testing.h"
#include "blindbox/proxy/proxy.h"

namespace blindbox::channel {

using attested_tls::EvidenceSource;
using attested_tls::Nonce;
using http::testing::kPatience;
using net::Task;
using net::testing::run;
using net::testing::run_until;

// What an editor sends and no far end may see before the gate opens.
inline const std::string kKey = "Bearer sk-never-to-be-seen";
inline const std::string kCode = "def hidden(): pass";

inline std::string post(const std::string& target, const std::string& body = kCode) {
  return "POST " + target + " HTTP/1.1\r\nHost: localhost\r\nAuthorization: " + kKey +
         "\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}

// A server that speaks TLS with a key of its own, sees every decrypted byte, and answers the challenge as it likes.
class FarEnd {
 public:
  using Reply = std::function<Task<void>(net::TlsStream&, Bytes challenge)>;
  FarEnd(net::asio::io_context& loop, Reply reply)
      : reply_(std::move(reply)),
        sessions_(net::listen_tcp(loop.get_executor(), {"127.0.0.1", 0}).value(), 100,
                  [this](net::Socket socket, net::Session& session) { return serve(std::move(socket), session); }) {
    sessions_.start();
  }

  // Without having said so.
  void close_after_answer() { closes_after_answer_ = true; }
  [[nodiscard]] std::uint16_t port() const { return sessions_.port(); }
  [[nodiscard]] net::asio::ssl::context& context() { return *context_; }
  [[nodiscard]] std::size_t open() const { return sessions_.open(); }
  [[nodiscard]] std::size_t challenges() const {
    return static_cast<std::size_t>(std::count_if(
        received_.begin(), received_.end(), [](const std::string& all) { return all.starts_with(challenge_head()); }));
  }
  // Everything that clients have sent inside TLS and that is no challenge.
  [[nodiscard]] std::string leaked() const {
    std::string leaked;
    for (const std::string& all : received_) {
      const bool challenge = all.starts_with(challenge_head()) && all.size() >= kChallengeMessage;
      leaked += challenge ? all.substr(kChallengeMessage) : all;
    }
    return leaked;
  }

 private:
  static const std::string& challenge_head() {
    static const std::string head =
        "POST /.well-known/blindbox/attestation HTTP/1.1\r\nHost: blindbox\r\n"
        "Content-Type: application/cbor\r\nContent-Length: 36\r\n\r\n";
    return head;
  }
  inline static const std::size_t kChallengeMessage = challenge_head().size() + attested_tls::kChallengeSize;

  Task<void> serve(net::Socket socket, net::Session& session) {
    net::TlsStream stream(std::move(socket), *context_);
    session.own(stream);
    if (!co_await stream.handshake(net::TlsStream::Role::server)) co_return;
    std::string& received = received_.emplace_back();
    bool replied = false, answered = false;
    std::array<std::byte, 4096> piece{};
    while (true) {
      const auto got = co_await stream.read_some(piece);
      if (!got || *got == 0) co_return;
      received += base::as_text(ByteView(piece).first(*got));
      if (!replied && received.size() >= kChallengeMessage) {
        replied = true;
        co_await reply_(
            stream, base::to_bytes(base::view(received.substr(challenge_head().size(), attested_tls::kChallengeSize))));
      }
      if (!answered && received.find(kCode) != std::string::npos) {
        answered = true;
        (void)co_await stream.write(base::view("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nmine"));
        if (closes_after_answer_) co_return;
      }
    }
  }

  Reply reply_;
  bool closes_after_answer_ = false;
  std::unique_ptr<net::asio::ssl::context> context_ = attested_tls::make_server_context(base::now()).value();
  std::list<std::string> received_;
  net::Sessions sessions_;
};

inline Task<void> reply_with(net::TlsStream& stream, std::string bytes) {
  (void)co_await stream.write(base::view(bytes));
}
inline std::string evidence_message(ByteView bundle) {
  return "HTTP/1.1 200 OK\r\nContent-Type: application/cbor\r\nContent-Length: " + std::to_string(bundle.size()) +
         "\r\n\r\n" + std::string(base::as_text(bundle));
}

class ChannelTest : public ::testing::Test {
 protected:
  ChannelTest() {
    manifest_.isolation.posture = "none";
    manifest_.model = {"test-model", base::sha256(base::view("weights")), base::sha256(base::view("tokenizer"))};
    manifest_.padding = {512, "record-block"};
    manifest_.software.version = "0.1.0";
    policy_.sev_snp.products[guest_.product] = {};
    policy_.sev_snp.measurements = {{emulator::measurement_of(guest_)}};
    policy_.manifest.model_sha256 = {{manifest_.model.sha256}};
    policy_.unsafe.trust_emulator.emplace();
    const Bytes root = base::from_hex(processor_->fingerprint()).value();
    std::copy(root.begin(), root.end(), policy_.unsafe.trust_emulator->ark_spki_sha256.begin());
  }
  ~ChannelTest() override {
    proxy_.reset();
    gateway_.reset();
    settle();
  }
  // Lets connections whose ends are gone come to their own.
  void settle() {
    loop_.restart();
    while (loop_.poll_one() > 0) {
    }
  }

  EvidenceSource source() {
    return
        [this](const ByteArray<64>& data) -> Result<evidence::Evidence> { return processor_->evidence(guest_, data); };
  }
  Bytes manifest() const { return base::to_bytes(base::view(evidence::encode_manifest(manifest_))); }
  attested_tls::Responder& responder() {
    if (!responder_) responder_.emplace(loop_.get_executor(), source(), manifest());
    return *responder_;
  }
  // The real far end.
  void serve(http::Handler handler, gateway::Limits limits = {}) {
    application_.emplace(loop_, std::move(handler));
    serve_application([this] { return net::connect_tcp({"127.0.0.1", application_->port()}, kPatience); }, limits);
  }
  void serve_application(gateway::ConnectApplication application, gateway::Limits limits = {}) {
    gateway_.emplace(net::listen_tcp(loop_.get_executor(), {"127.0.0.1", 0}).value(), responder(),
                     std::move(application), limits);
    ASSERT_TRUE(gateway_->start());
  }
  void serve_echo() {
    serve([this](const http::Request& request, http::ResponseSink& sink, std::stop_token) {
      ++handled_;
      sink.respond({200, "text/plain", request.method + " " + request.target + " " + request.body, {}});
    });
  }

  // The laptop's end.
  void connect(std::uint16_t server, proxy::Limits limits = {}) {
    options_.server = {"127.0.0.1", server};
    options_.policy = policy_;
    auto pool = proxy::Pool::make(options_, [this](const attested_tls::ConnectOutcome& outcome) {
      ++attempts_;
      accepted_ += outcome.connection.has_value() ? 1 : 0;
    });
    ASSERT_TRUE(pool);
    proxy_.emplace(net::listen_tcp(loop_.get_executor(), {"127.0.0.1", 0}).value(), *pool, limits);
    proxy_->start();
  }
  http::testing::Client editor() { return http::testing::Client(loop_, proxy_->port()); }
  std::string ask(const std::string& request) {
    auto client = editor();
    EXPECT_TRUE(client.send(request));
    return client.receive();
  }

  net::asio::io_context loop_;
  std::shared_ptr<emulator::SecurityProcessor> processor_ = emulator::test_processor();
  emulator::Guest guest_;
  evidence::ServiceManifest manifest_;
  policy::Policy policy_;
  proxy::PoolOptions options_;
  std::atomic<int> handled_ = 0;
  int attempts_ = 0, accepted_ = 0;
  std::optional<http::testing::Application> application_;
  std::optional<attested_tls::Responder> responder_;
  std::optional<gateway::Gateway> gateway_;
  std::optional<proxy::Proxy> proxy_;
};

}  // namespace blindbox::channel
