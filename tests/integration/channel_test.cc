// SPDX-License-Identifier: Apache-2.0
// Who gets a user's bytes: an enclave that the policy accepts, and nobody else. Every refusal is asserted where it
// counts, at the far end, while an editor's request waits at the proxy.
#include <sys/socket.h>
#include <sys/un.h>

#include <filesystem>
#include <functional>

#include "blindbox/attested_tls/testing.h"
#include "channel_fixture.h"

namespace blindbox::channel {
namespace {

using evidence::Bundle;
using std::chrono::milliseconds;
using ::testing::AllOf;
using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

class Channel : public ChannelTest {
 protected:
  // Every request is to be judged by evidence, not by what became of the last one.
  Channel() { options_.first_refusal = net::Duration(0); }
  // Answers challenges with the responder's bundle, changed.
  FarEnd::Reply with_bundle(const std::function<Bytes(Bytes)>& change = std::identity{}) {
    return [this, change](net::TlsStream& stream, Bytes challenge) -> Task<void> {
      auto bundle = co_await responder().answer(stream.native_handle(), challenge);
      if (!bundle) {
        ADD_FAILURE() << bundle.error().what;
        co_return;
      }
      const std::string message = evidence_message(change(std::move(*bundle)));
      (void)co_await stream.write(base::view(message));
    };
  }
  static std::function<Bytes(Bytes)> changing(std::function<void(Bundle&)> change) {
    return [change = std::move(change)](const Bytes& encoded) {
      Bundle bundle = evidence::decode_bundle(encoded).value();
      change(bundle);
      return evidence::encode_bundle(bundle);
    };
  }
  static FarEnd::Reply with(std::string message) {
    return [message = std::move(message)](net::TlsStream& stream, const Bytes&) { return reply_with(stream, message); };
  }

  // Two editors ask, each in a protocol of its own, and both are told what failed.
  void expect_errors(const std::string& type, const std::string& why) {
    const std::string infill = ask(post("/infill")), generate = ask(post("/generate"));
    ASSERT_GT(infill.size(), 4U);
    ASSERT_GT(generate.size(), 4U);
    EXPECT_THAT(infill, StartsWith("50"));
    const auto openai = nlohmann::json::parse(infill.substr(4), nullptr, false);
    ASSERT_TRUE(openai.contains("error")) << infill;
    EXPECT_EQ(openai["error"]["type"], type);
    EXPECT_THAT(openai["error"]["message"].get<std::string>(), HasSubstr(why));
    const auto original = nlohmann::json::parse(generate.substr(4), nullptr, false);
    ASSERT_TRUE(original.contains("detail")) << generate;
    EXPECT_THAT(original["detail"].get<std::string>(), HasSubstr(why));
    EXPECT_EQ(attempts_, 2);
    EXPECT_EQ(accepted_, 0);
  }
  void expect_refusal(FarEnd& far_end, const std::string& type, const std::string& why) {
    connect(far_end.port());
    expect_errors(type, why);
    run_until(loop_, [&] { return far_end.open() == 0; });
    EXPECT_EQ(far_end.leaked(), "");
    EXPECT_EQ(far_end.challenges(), 2U);
  }
  void expect_refusal(FarEnd::Reply reply, const std::string& type, const std::string& why) {
    FarEnd far_end(loop_, std::move(reply));
    expect_refusal(far_end, type, why);
  }
};

TEST_F(Channel, OpensForTheEnclaveThatThePolicyAccepts) {
  serve_echo();
  connect(gateway_->port());
  EXPECT_EQ(ask(post("/infill")), "200 POST /infill " + kCode);
  EXPECT_EQ(ask("GET /v1/models HTTP/1.1\r\nHost: localhost\r\n\r\n"), "200 GET /v1/models ");
  EXPECT_EQ(handled_, 2);
  EXPECT_EQ(gateway_->stats().requests, 2U);
}

TEST_F(Channel, ReachesAnApplicationOnAUnixSocket) {
  std::string folder = (std::filesystem::temp_directory_path() / "blindbox-channel-XXXXXX").string();
  ASSERT_NE(::mkdtemp(folder.data()), nullptr);
  const std::string path = folder + "/socket";
  const int listening = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  path.copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(listening, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  ASSERT_EQ(::listen(listening, 10), 0);
  http::Server application(loop_.get_executor(), listening,
                           [](const http::Request& request, http::ResponseSink& sink, std::stop_token) {
                             const auto key = http::find_field(request.fields, "authorization");
                             sink.respond({200, "text/plain", std::string(key.value_or("no key")), {}});
                           });
  application.start();
  serve_application([path] { return net::connect_unix(path); });
  connect(gateway_->port());
  EXPECT_EQ(ask(post("/infill")), "200 " + kKey);
  proxy_.reset();
  gateway_.reset();
  settle();
  std::filesystem::remove_all(folder);
}

// The control: with genuine evidence a far end of ours does see the request, so an empty count means something.
TEST_F(Channel, TheFarEndOfTheseTestsSeesWhatIsSent) {
  FarEnd far_end(loop_, with_bundle());
  connect(far_end.port());
  EXPECT_EQ(ask(post("/infill")), "200 mine");
  EXPECT_THAT(far_end.leaked(), AllOf(HasSubstr(kKey), HasSubstr(kCode)));
}

TEST_F(Channel, RefusesADebugGuest) {
  guest_.policy |= std::uint64_t{1} << 19;
  expect_refusal(with_bundle(), "evidence_not_acceptable", "sev_snp.policy.debug_disabled");
}

TEST_F(Channel, TheRealGatewayOfADebugGuestGetsNothing) {
  guest_.policy |= std::uint64_t{1} << 19;
  serve_echo();
  connect(gateway_->port());
  expect_errors("evidence_not_acceptable", "sev_snp.policy.debug_disabled");
  proxy_.reset();
  run(loop_, gateway_->drain(kPatience));
  EXPECT_EQ(gateway_->stats().challenges, 2U);
  EXPECT_EQ(gateway_->stats().application_bytes, 0U);
  EXPECT_EQ(gateway_->stats().requests, 0U);
  EXPECT_EQ(handled_, 0);
}

TEST_F(Channel, RefusesAnotherMeasurement) {
  guest_.measurement = base::sha384(base::view("another image"));
  expect_refusal(with_bundle(), "evidence_not_acceptable", "sev_snp.measurement");
}

TEST_F(Channel, RefusesAnotherModel) {
  manifest_.model.sha256 = base::sha256(base::view("other weights"));
  expect_refusal(with_bundle(), "evidence_not_acceptable", "manifest.model_sha256");
}

TEST_F(Channel, NamesEveryCheckThatFailed) {
  guest_.policy |= std::uint64_t{1} << 19;
  guest_.measurement = base::sha384(base::view("another image"));
  FarEnd far_end(loop_, with_bundle());
  connect(far_end.port());
  EXPECT_THAT(ask(post("/infill")),
              AllOf(HasSubstr("sev_snp.policy.debug_disabled"), HasSubstr("sev_snp.measurement")));
}

TEST_F(Channel, RefusesAnEmulatorThatThePolicyDoesNotName) {
  policy_.unsafe.trust_emulator.reset();
  expect_refusal(with_bundle(), "evidence_not_authentic", "sev_snp.root");
}

TEST_F(Channel, RefusesReplayedEvidence) {
  const auto old = processor_->evidence(guest_, {});
  responder_.emplace(
      loop_.get_executor(), [old](const ByteArray<64>&) -> Result<evidence::Evidence> { return old; }, manifest());
  expect_refusal(with_bundle(), "evidence_not_acceptable", "sev_snp.report_data");
}

TEST_F(Channel, RefusesEvidenceForAnotherNonceOfTheSameSession) {
  expect_refusal(
      [this](net::TlsStream& stream, const Bytes&) -> Task<void> {
        const auto bundle =
            co_await responder().answer(stream.native_handle(), attested_tls::encode_challenge(Nonce{}));
        co_await reply_with(stream, evidence_message(bundle.value()));
      },
      "evidence_not_acceptable", "sev_snp.report_data");
}

TEST_F(Channel, RefusesEvidenceOfAnotherSessionWithTheSameKeyAndNonce) {
  std::optional<FarEnd> far_end;
  std::optional<attested_tls::testing::SessionPair> other;
  const auto client = attested_tls::make_client_context().value();
  far_end.emplace(loop_, [&](net::TlsStream& stream, Bytes challenge) -> Task<void> {
    const auto bundle = co_await responder().answer(other->server(), challenge);
    co_await reply_with(stream, evidence_message(bundle.value()));
  });
  other.emplace(client->native_handle(), far_end->context().native_handle());
  ASSERT_TRUE(other->handshake());
  expect_refusal(*far_end, "evidence_not_acceptable", "sev_snp.report_data");
}

// CVE-2026-33697's shape: decrypt, hand the challenge on to a genuine enclave, hand its genuine evidence back.
TEST_F(Channel, RefusesARelayThatTerminatesTls) {
  serve_echo();
  const auto context = attested_tls::make_client_context().value();
  FarEnd relay(loop_, [&](net::TlsStream& victim, Bytes challenge) -> Task<void> {
    const net::HostPort genuine{"127.0.0.1", gateway_->port()};  // g++ 12 copies braces in a co_await bit by bit
    auto socket = co_await net::connect_tcp(genuine, kPatience);
    net::TlsStream enclave(std::move(socket.value()), *context);
    const auto shaken = co_await enclave.handshake(net::TlsStream::Role::client);
    EXPECT_TRUE(shaken);
    const std::string asked =
        "POST /.well-known/blindbox/attestation HTTP/1.1\r\nHost: h\r\nContent-Length: 36\r\n\r\n" +
        std::string(base::as_text(challenge));
    const auto put = co_await enclave.write(base::view(asked));
    EXPECT_TRUE(put);
    http::ResponseReader reader(enclave);
    const auto head = co_await reader.read_head(kPatience);
    EXPECT_TRUE(head && *head && (*head)->status == 200);
    const auto bundle = co_await reader.read_whole_body(evidence::kBundleCap);
    co_await reply_with(victim, evidence_message(base::view(bundle.value())));
  });
  expect_refusal(relay, "evidence_not_acceptable", "sev_snp.report_data");
  proxy_.reset();
  run(loop_, gateway_->drain(kPatience));
  EXPECT_EQ(gateway_->stats().challenges, 2U) << "the evidence was genuine";
  EXPECT_EQ(gateway_->stats().application_bytes, 0U);
  EXPECT_EQ(handled_, 0);
}

TEST_F(Channel, RefusesATamperedManifest) {
  // The server runs other weights and shows the manifest that the policy wants.
  const Bytes wanted = manifest();
  manifest_.model.sha256 = base::sha256(base::view("other weights"));
  expect_refusal(with_bundle(changing([wanted](Bundle& bundle) { bundle.manifest = wanted; })),
                 "evidence_not_acceptable", "sev_snp.report_data");
}

TEST_F(Channel, RefusesAddedEvidence) {
  expect_refusal(with_bundle(changing([](Bundle& bundle) { bundle.secondary = Bytes(10); })), "evidence_not_acceptable",
                 "sev_snp.report_data");
}

TEST_F(Channel, RefusesAnAddedKeyConfiguration) {
  expect_refusal(with_bundle(changing([](Bundle& bundle) { bundle.hpke = Bytes(10); })), "evidence_not_acceptable",
                 "sev_snp.report_data");
}

TEST_F(Channel, RefusesAPathFromAnotherTree) {
  expect_refusal(with_bundle(changing([](Bundle& bundle) {
                   bundle.path = {2, 1, {base::Sha512{}}};
                 })),
                 "evidence_not_acceptable", "sev_snp.report_data");
}

TEST_F(Channel, RefusesAPathThatCannotBe) {
  expect_refusal(with_bundle(changing([](Bundle& bundle) {
                   bundle.path = {2, 0, {}};
                 })),
                 "evidence_malformed", "the tree path has another length");
}

TEST_F(Channel, RefusesABrokenSignature) {
  expect_refusal(with_bundle(changing([](Bundle& bundle) { bundle.primary.report[0x90] ^= std::byte{1}; })),
                 "evidence_not_authentic", "sev_snp.signature");
}

TEST_F(Channel, RefusesAReportThatIsTooShort) {
  expect_refusal(with_bundle(changing([](Bundle& bundle) { bundle.primary.report.pop_back(); })), "evidence_malformed",
                 "sev_snp.report.size");
}

TEST_F(Channel, RefusesATruncatedBundle) {
  expect_refusal(with_bundle([](Bytes bundle) {
                   bundle.resize(bundle.size() / 2);
                   return bundle;
                 }),
                 "evidence_malformed", "truncated");
}

TEST_F(Channel, RefusesABundleThatBreaksOff) {
  expect_refusal(
      [this](net::TlsStream& stream, Bytes challenge) -> Task<void> {
        const auto bundle = co_await responder().answer(stream.native_handle(), challenge);
        const std::string whole = evidence_message(bundle.value());
        co_await reply_with(stream, whole.substr(0, whole.size() - 1));
        co_await stream.shut_down();
      },
      "server_unreachable", "the connection ended within the body");
}

TEST_F(Channel, RefusesADuplicateKey) {
  expect_refusal(with_bundle([](Bytes bundle) {
                   // One more entry, and the first one, 01 67 "sev-snp", twice.
                   bundle[0] = static_cast<std::byte>(std::to_integer<int>(bundle[0]) + 1);
                   const Bytes first(bundle.begin() + 1, bundle.begin() + 10);
                   bundle.insert(bundle.begin() + 1, first.begin(), first.end());
                   return bundle;
                 }),
                 "evidence_malformed", "duplicate key 1");
}

TEST_F(Channel, RefusesTrailingBytes) {
  expect_refusal(with_bundle([](Bytes bundle) {
                   bundle.push_back(std::byte{0});
                   return bundle;
                 }),
                 "evidence_malformed", "trailing bytes");
}

TEST_F(Channel, RefusesGarbage) {
  expect_refusal(with(evidence_message(base::view("garbage"))), "evidence_malformed", "malformed evidence bundle");
}
TEST_F(Channel, RefusesNothing) {
  expect_refusal(with(evidence_message({})), "evidence_malformed", "malformed evidence bundle");
}

TEST_F(Channel, RefusesAnOversizeBundle) {
  expect_refusal(with(evidence_message(Bytes(evidence::kBundleCap + 1))), "evidence_malformed",
                 "the evidence bundle is larger than 1048576 bytes");
}

TEST_F(Channel, RefusesAnOversizeBundleInChunks) {
  std::string message = "HTTP/1.1 200 OK\r\nContent-Type: application/cbor\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (int i = 0; i < 65; ++i) message += http::write_chunk(Bytes(16384));
  expect_refusal(with(message), "evidence_malformed", "the evidence bundle is larger than 1048576 bytes");
}

TEST_F(Channel, RefusesAWebServer) {
  expect_refusal(with("HTTP/1.1 404 Not Found\r\nContent-Type: text/html\r\nContent-Length: 4\r\n\r\nnope"),
                 "not_a_blindbox", "status 404");
}

TEST_F(Channel, RefusesAWebServerThatIsHappyWithEverything) {
  expect_refusal(with("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\n\r\nhi"), "not_a_blindbox",
                 "the server is not a BlindBox");
}

TEST_F(Channel, RefusesAnUpgrade) {
  expect_refusal(with("HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\n\r\n"), "not_a_blindbox",
                 "an upgrade that nobody asked for");
}

TEST_F(Channel, RefusesWhatIsNoHttp) {
  expect_refusal(with("220 mail ESMTP\r\n\r\n"), "not_a_blindbox", "not strict HTTP/1.1");
}

TEST_F(Channel, RefusesAServerThatClosesWithoutAnAnswer) {
  expect_refusal([](net::TlsStream& stream, const Bytes&) { return stream.shut_down(); }, "not_a_blindbox",
                 "closed the connection without an answer");
}

TEST_F(Channel, TellsAServerWithoutADeviceFromAStranger) {
  expect_refusal(with("HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"), "no_evidence",
                 "the server has no evidence");
}

TEST_F(Channel, RefusesAServerThatStallsBeforeItsEvidence) {
  options_.limits.evidence = milliseconds(30);
  expect_refusal([](net::TlsStream&, const Bytes&) -> Task<void> { co_return; }, "server_unreachable",
                 "the server sent no evidence within 30 ms");
}

TEST_F(Channel, RefusesAServerThatStallsWithinItsEvidence) {
  options_.limits.evidence = milliseconds(30);
  expect_refusal(with("HTTP/1.1 200 OK\r\nContent-Type: application/cbor\r\nContent-Length: 100\r\n\r\nabc"),
                 "server_unreachable", "the server sent no evidence within 30 ms");
}

// A byte now and then keeps every single read short; the whole has a limit all the same.
TEST_F(Channel, RefusesAServerThatTrickles) {
  options_.limits.evidence = milliseconds(60);
  const auto trickle = [this](net::TlsStream& stream, std::string before) -> Task<void> {
    co_await reply_with(stream, before);
    net::asio::steady_timer pause(loop_);
    bool open = true;
    while (open) {
      pause.expires_after(milliseconds(1));
      co_await pause.async_wait(net::asio::as_tuple(net::asio::use_awaitable));
      const auto put = co_await stream.write(base::view("x"));
      open = put.has_value();
    }
  };
  FarEnd in_the_body(loop_, [&](net::TlsStream& stream, const Bytes&) {
    return trickle(stream, "HTTP/1.1 200 OK\r\nContent-Type: application/cbor\r\nContent-Length: 1000000\r\n\r\n");
  });
  expect_refusal(in_the_body, "server_unreachable", "the server sent no evidence within 60 ms");
  attempts_ = 0;
  FarEnd in_the_head(loop_,
                     [&](net::TlsStream& stream, const Bytes&) { return trickle(stream, "HTTP/1.1 200 OK\r\nX: "); });
  expect_refusal(in_the_head, "server_unreachable", "the server sent no evidence within 60 ms");
}

// Far ends that speak no TLS 1.3: all they get is the beginning of a handshake.
class Stranger {
 public:
  Stranger(net::asio::io_context& loop, std::function<Task<void>(net::Stream&)> reply)
      : reply_(std::move(reply)),
        sessions_(net::listen_tcp(loop.get_executor(), {"127.0.0.1", 0}).value(), 10,
                  [this](net::Socket socket, net::Session& session) -> Task<void> {
                    net::SocketStream stream(std::move(socket));
                    session.own(stream);
                    std::array<std::byte, 16384> piece{};
                    while (true) {
                      const auto got = co_await stream.read_some(piece);
                      if (!got || *got == 0) break;
                      received_ += base::as_text(ByteView(piece).first(*got));
                      if (reply_) co_await reply_(stream);
                    }
                  }) {
    sessions_.start();
  }
  [[nodiscard]] std::uint16_t port() const { return sessions_.port(); }
  [[nodiscard]] const std::string& received() const { return received_; }

 private:
  std::function<Task<void>(net::Stream&)> reply_;
  std::string received_;
  net::Sessions sessions_;
};

TEST_F(Channel, RefusesAPlainWebServer) {
  Stranger stranger(loop_, [](net::Stream& stream) -> Task<void> {
    (void)co_await stream.write(base::view("HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"));
  });
  connect(stranger.port());
  expect_errors("server_unreachable", "the TLS handshake failed");
  EXPECT_THAT(stranger.received(), AllOf(StartsWith("\x16\x03"), Not(HasSubstr("hidden")), Not(HasSubstr("sk-never"))));
}

TEST_F(Channel, RefusesAServerThatStallsInTheHandshake) {
  options_.limits.handshake = milliseconds(20);
  Stranger stranger(loop_, nullptr);
  connect(stranger.port());
  expect_errors("server_unreachable", "the TLS handshake timed out after 20 ms");
  EXPECT_THAT(stranger.received(), AllOf(StartsWith("\x16\x03"), Not(HasSubstr("hidden")), Not(HasSubstr("sk-never"))));
}

TEST_F(Channel, RefusesAServerOfTls12) {
  FarEnd far_end(loop_, with_bundle());
  SSL_CTX* const context = far_end.context().native_handle();
  SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION);
  SSL_CTX_set_max_proto_version(context, TLS1_2_VERSION);
  connect(far_end.port());
  expect_errors("server_unreachable", "the TLS handshake failed");
  EXPECT_EQ(far_end.leaked(), "");
  EXPECT_EQ(far_end.challenges(), 0U);
}

TEST_F(Channel, SaysWhenNobodyAnswers) {
  std::uint16_t port = 0;
  {
    Stranger gone(loop_, nullptr);
    port = gone.port();
  }
  settle();
  connect(port);
  expect_errors("server_unreachable", "cannot connect to 127.0.0.1:" + std::to_string(port));
}

TEST_F(Channel, TheProxyAsksNobodyForAWebPage) {
  serve_echo();
  connect(gateway_->port());
  EXPECT_THAT(ask("GET /v1/models HTTP/1.1\r\nHost: evil.example\r\n\r\n"), StartsWith("403 {\"error\":"));
  EXPECT_THAT(
      ask("POST /generate HTTP/1.1\r\nHost: localhost\r\nOrigin: https://evil.example\r\nContent-Length: 0\r\n\r\n"),
      StartsWith("403 {\"detail\":"));
  EXPECT_THAT(ask("POST /.well-known/blindbox/attestation HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"),
              StartsWith("404 "));
  EXPECT_THAT(ask("POST /x HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"),
              StartsWith("400 "));
  EXPECT_EQ(attempts_, 0);
}

}  // namespace
}  // namespace blindbox::channel
