// SPDX-License-Identifier: Apache-2.0
// The gateway against clients of any manners; what its evidence is worth is judged in tests/integration.
#include "blindbox/gateway/gateway.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <latch>
#include <nlohmann/json.hpp>
#include <semaphore>

#include "blindbox/attested_tls/challenge.h"
#include "blindbox/attested_tls/probe_request.h"
#include "blindbox/http/testing.h"
#include "blindbox/net/tls_stream.h"

namespace blindbox::gateway {
namespace {

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

const std::string kGet = "GET /v1/models HTTP/1.1\r\nHost: h\r\n\r\n";
const Bytes kManifest = base::to_bytes(base::view("{}"));

std::string challenge_of(const std::string& body) {
  return "POST /.well-known/blindbox/attestation HTTP/1.1\r\nHost: h\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}
std::string challenge_of(const Nonce& nonce) {
  return challenge_of(std::string(base::as_text(attested_tls::encode_challenge(nonce))));
}

Nonce nonce(unsigned value) {
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
  bool not_ready_ = false;
  std::function<void(Gateway&)> prepare_;  // before it starts
  std::uint16_t application_port_ = 0;     // another than application_'s, where set
  std::optional<http::testing::Application> application_;
  std::optional<attested_tls::Responder> responder_;
  std::optional<Gateway> gateway_;
};

TEST_F(GatewayTest, ServesRequestsAfterEvidenceOnTheSameConnection) {
  start_echo();
  auto connected = attested();
  EXPECT_TRUE(connected.client->send(kGet + "POST /infill HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab"));
  EXPECT_EQ(connected.client->receive(), "200 GET /v1/models ");
  EXPECT_EQ(connected.client->receive(), "200 POST /infill ab");
  attest(connected, nonce(2));
  EXPECT_TRUE(connected.client->send(kGet));
  EXPECT_EQ(connected.client->receive(), "200 GET /v1/models ");
  EXPECT_EQ(gateway_->stats().challenges, 2U);
  EXPECT_EQ(gateway_->stats().requests, 3U);
}

TEST_F(GatewayTest, AnswersNothingBeforeEvidence) {
  start_echo();
  for (const std::string& request :
       {kGet, std::string("POST /infill HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\nab"),
        std::string("POST /health HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"),
        std::string("GET /health/x HTTP/1.1\r\nHost: h\r\n\r\n"),
        std::string("GET /.well-known/blindbox/attestation HTTP/1.1\r\nHost: h\r\n\r\n"),
        std::string("POST /.well-known/blindbox/attestation/ HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n")}) {
    auto connected = connect();
    EXPECT_TRUE(connected.client->send(request + kGet));
    EXPECT_THAT(connected.client->receive(), StartsWith("428 {\"error\":")) << request;
    EXPECT_FALSE(connected.client->last().keep_alive);
    EXPECT_EQ(connected.client->rest(), "") << "closed";
  }
  EXPECT_EQ(handled_, 0);
  EXPECT_EQ(gateway_->stats().requests, 0U);
  auto generate = connect();
  EXPECT_TRUE(generate.client->send("POST /generate HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_THAT(generate.client->receive(), StartsWith("428 {\"detail\":"));
}

TEST_F(GatewayTest, LetsLoadBalancersAskForHealth) {
  start_echo();
  auto connected = connect();
  EXPECT_TRUE(connected.client->send("GET /health HTTP/1.1\r\nHost: h\r\n\r\n"));
  EXPECT_EQ(connected.client->receive(), "200 GET /health ");
  EXPECT_TRUE(connected.client->send(kGet));
  EXPECT_THAT(connected.client->receive(), StartsWith("428 ")) << "health is no evidence";
}

TEST_F(GatewayTest, RefusesWhatIsNoChallenge) {
  start_echo();
  for (const std::string& body : {std::string(), std::string("x"), std::string("{\"nonce\":\"00\"}"),
                                  std::string(36, 'x'), std::string(37, 'x'), std::string(100000, 'x')}) {
    auto connected = connect();
    EXPECT_TRUE(connected.client->send(challenge_of(body)));
    EXPECT_THAT(connected.client->receive(), StartsWith("400 {\"error\":")) << body.size();
    EXPECT_EQ(connected.client->rest(), "");
  }
  EXPECT_EQ(responder_->device_calls(), 0U);
  EXPECT_EQ(gateway_->stats().challenges, 0U);
}

TEST_F(GatewayTest, TellsWhoeverStallsWithinARequest) {
  Limits limits;
  limits.request_stall = milliseconds(40);
  start_echo(limits);
  for (const char* begun : {"GET /v1/models HT", "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nab",
                            "POST /x HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\nab\n"}) {
    auto connected = attested();
    EXPECT_TRUE(connected.client->send(begun));
    EXPECT_THAT(connected.client->receive(), testing::AnyOf(StartsWith("408 {\"error\":"), StartsWith("400 ")))
        << begun;
    EXPECT_EQ(connected.client->rest(), "");
  }
  EXPECT_EQ(handled_, 0);
}

TEST_F(GatewayTest, RefusesBadHttp) {
  start_echo();
  auto connected = attested();
  EXPECT_TRUE(connected.client->send(
      "POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" + kGet));
  EXPECT_THAT(connected.client->receive(), StartsWith("400 "));
  EXPECT_EQ(connected.client->rest(), "");
  auto large = attested();
  EXPECT_TRUE(
      large.client->send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 8388609\r\n\r\n" + std::string(200000, 'x')));
  EXPECT_THAT(large.client->receive(), StartsWith("413 "));
  EXPECT_EQ(handled_, 0);
}

TEST_F(GatewayTest, TakesEightMebibytes) {
  start([](const Request& request, ResponseSink& sink, std::stop_token) {
    sink.respond({200, "text/plain", std::to_string(request.body.size()), {}});
  });
  auto connected = attested();
  EXPECT_TRUE(connected.client->send("POST /x HTTP/1.1\r\nHost: h\r\nContent-Length: 8388608\r\n\r\n" +
                                     std::string(8388608, 'x')));
  EXPECT_EQ(connected.client->receive(), "200 8388608");
}

TEST_F(GatewayTest, CountsWhatClientsGiveAwayButNotTheirChallenges) {
  start_echo();
  auto connected = attested();
  attest(connected, nonce(2));
  EXPECT_EQ(gateway_->stats().application_bytes, 0U);
  EXPECT_TRUE(connected.client->send(kGet));
  EXPECT_THAT(connected.client->receive(), StartsWith("200"));
  connected.client.reset();
  run_until(loop_, [this] { return gateway_->stats().application_bytes > 0; });
  EXPECT_EQ(gateway_->stats().application_bytes, kGet.size());
}

TEST_F(GatewayTest, SpeaksTls13Alone) {
  start_echo();
  net::asio::ssl::context old(net::asio::ssl::context::tls_client);
  SSL_CTX_set_max_proto_version(old.native_handle(), TLS1_2_VERSION);
  const auto stream = dial(old);
  const auto shaken = run(loop_, stream->handshake(net::TlsStream::Role::client));
  ASSERT_FALSE(shaken);
  EXPECT_THAT(shaken.error().what, HasSubstr("the TLS handshake failed"));
  // Plain HTTP gets no answer in HTTP.
  Client plain(loop_, gateway_->port());
  EXPECT_TRUE(plain.send(kGet));
  EXPECT_THAT(plain.rest(), ::testing::Not(HasSubstr("HTTP/1.1")));
  EXPECT_EQ(handled_, 0);
}

TEST_F(GatewayTest, AStallInTheHandshakeEndsTheConnection) {
  Limits limits;
  limits.handshake = milliseconds(10);
  start_echo(limits);
  EXPECT_EQ(Client(loop_, gateway_->port()).rest(), "");
}

TEST_F(GatewayTest, AStallBeforeTheFirstRequestEndsTheConnection) {
  Limits limits;
  limits.first_request = milliseconds(10);
  start_echo(limits);
  EXPECT_EQ(connect().client->rest(), "");
}

TEST_F(GatewayTest, ADeviceThatFailsIsAClearError) {
  bool works = false;
  start_echo({}, [&works](const ByteArray<64>& data) -> Result<evidence::Evidence> {
    if (!works) return base::fail(ErrorKind::platform, "the attestation device is gone", "/dev/sev-guest");
    return evidence_about(data);
  });
  auto failed = connect();
  EXPECT_TRUE(failed.client->send(challenge_of(nonce(1)) + kGet));
  const std::string answer = failed.client->receive();
  EXPECT_THAT(answer, StartsWith("503 {\"error\":"));
  EXPECT_THAT(answer, HasSubstr("the attestation device is gone"));
  EXPECT_EQ(failed.client->rest(), "");
  works = true;
  (void)attested();
  EXPECT_EQ(handled_, 0);
}

TEST_F(GatewayTest, OneCallAnswersAllWhoCameDuringTheCallBefore) {
  constexpr unsigned kClients = 20;
  std::latch queued(1);
  start_echo({}, [&](const ByteArray<64>& data) -> Result<evidence::Evidence> {
    queued.wait();
    return evidence_about(data);
  });
  std::vector<Connected> clients;
  for (unsigned i = 0; i < kClients; ++i) {
    clients.push_back(connect());
    EXPECT_TRUE(clients[i].client->send(challenge_of(nonce(i))));
  }
  run_until(loop_, [&] { return responder_->challenges() == kClients; });
  queued.count_down();
  for (Connected& client : clients) EXPECT_THAT(client.client->receive(), StartsWith("200 "));
  EXPECT_EQ(responder_->device_calls(), 2U);
}

base::Sha256 key_of(SSL* session) {
  return attested_tls::session_facts(session, End::client, nonce(0)).value().spki_sha256;
}

TEST_F(GatewayTest, RenewsItsKeyAndKeepsSessionsThatRun) {
  Limits limits;
  limits.key_lifetime = std::chrono::hours(0);
  start_echo(limits);
  auto first = attested();
  auto second = attested();
  EXPECT_NE(key_of(first.session), key_of(second.session));
  for (Connected* connected : {&first, &second}) {
    attest(*connected, nonce(9));
    EXPECT_TRUE(connected->client->send(kGet));
    EXPECT_THAT(connected->client->receive(), StartsWith("200"));
  }
}

TEST_F(GatewayTest, KeepsItsKeyWithinItsLifetime) {
  start_echo();
  const auto first = connect(), second = connect();
  EXPECT_EQ(key_of(first.session), key_of(second.session));
}

TEST_F(GatewayTest, AnApplicationThatIsNotThereIsAnError) {
  start_echo();
  auto connected = attested();
  {
    http::testing::Application gone(loop_, nullptr);
    application_port_ = gone.port();
  }
  EXPECT_TRUE(connected.client->send("POST /generate HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"));
  EXPECT_THAT(connected.client->receive(), StartsWith("502 {\"detail\":\"the application does not answer"));
}

TEST_F(GatewayTest, AnApplicationThatIsNotReadyIsToBeTriedAgain) {
  start_echo();
  auto connected = attested();
  not_ready_ = true;
  EXPECT_TRUE(connected.client->send("GET /x HTTP/1.1\r\nHost: h\r\n\r\n"));
  ASSERT_TRUE(connected.client->receive_head());
  EXPECT_EQ(connected.client->last().status, 503U);
  EXPECT_EQ(http::find_field(connected.client->last().fields, "retry-after"), "2");
  EXPECT_EQ(handled_, 0);
}

TEST_F(GatewayTest, DrainingLetsARequestEndAndClosesIdleConnections) {
  std::binary_semaphore begun(0), go_on(0);
  start([&](const Request&, ResponseSink& sink, std::stop_token) {
    sink.begin_stream(200, "text/plain");
    EXPECT_TRUE(sink.write("first"));
    begun.release();
    go_on.acquire();
    EXPECT_TRUE(sink.write("last"));
    sink.end();
  });
  auto idle = attested(), busy = attested();
  EXPECT_TRUE(busy.client->send(kGet));
  run_until(loop_, [&] { return begun.try_acquire(); });
  bool drained = false;
  net::asio::co_spawn(loop_, gateway_->drain(kPatience), [&](auto) { drained = true; });
  EXPECT_EQ(idle.client->rest(), "");
  EXPECT_FALSE(drained);
  go_on.release();
  EXPECT_EQ(busy.client->receive(), "200 firstlast");
  EXPECT_EQ(busy.client->rest(), "");
  run_until(loop_, [&] { return drained; });
  EXPECT_FALSE(run(loop_, net::connect_tcp({"127.0.0.1", gateway_->port()}, kPatience)));
}

TEST_F(GatewayTest, AClientThatGoesStopsItsRequestAndNoOther) {
  std::counting_semaphore<> begun(0), stopped(0);
  start([&](const Request& request, ResponseSink& sink, std::stop_token token) {
    if (request.target == "/v1/models") return sink.respond({200, "text/plain", "ok", {}});
    std::binary_semaphore asked(0);
    const std::stop_callback on_stop(token, [&] { asked.release(); });
    if (request.target == "/stream") {
      sink.begin_stream(200, "text/plain");
      EXPECT_TRUE(sink.write("first"));
    }
    begun.release();
    asked.acquire();
    stopped.release();
  });
  for (const char* target : {"/silent", "/stream"}) {
    auto other = attested(), going = attested();
    EXPECT_TRUE(other.client->send("GET /silent HTTP/1.1\r\nHost: h\r\n\r\n"));
    EXPECT_TRUE(going.client->send(std::string("GET ") + target + " HTTP/1.1\r\nHost: h\r\n\r\n"));
    for (int i = 0; i < 2; ++i) run_until(loop_, [&] { return begun.try_acquire(); });
    going.client->stream().close();  // no close_notify: the connection just breaks
    run_until(loop_, [&] { return stopped.try_acquire(); });
    EXPECT_FALSE(stopped.try_acquire()) << "the other one runs on";
    auto next = attested();
    EXPECT_TRUE(next.client->send(kGet));
    EXPECT_EQ(next.client->receive(), "200 ok");
    other.client->stream().close();
    run_until(loop_, [&] { return stopped.try_acquire(); });
  }
}

std::string probe_of(const std::string& body) {
  return "POST " + std::string(attested_tls::kProbePath) +
         " HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
}
std::string probe_of(const Nonce& nonce) {
  return probe_of(std::string(base::as_text(attested_tls::encode_challenge(nonce))));
}

net::Task<Result<std::string>> echo_nonce(Nonce nonce) { co_return base::to_hex(nonce); }

TEST_F(GatewayTest, RunsTheEscapeAttemptsForAnAttestedClientsNonce) {
  Limits limits;
  limits.probe_interval = milliseconds(0);
  prepare_ = [](Gateway& gateway) { gateway.serve_probe(echo_nonce); };
  start_echo(limits);
  auto connected = attested();
  for (unsigned i = 3; i < 5; ++i) {
    EXPECT_TRUE(connected.client->send(probe_of(nonce(i))));
    EXPECT_EQ(connected.client->receive(), "200 " + base::to_hex(nonce(i)));
  }
  EXPECT_TRUE(connected.client->send(kGet));
  EXPECT_EQ(connected.client->receive(), "200 GET /v1/models ");
  EXPECT_EQ(gateway_->stats().probes, 2U);
  EXPECT_EQ(gateway_->stats().application_bytes, kGet.size()) << "a nonce is nothing that a client gives away";
  EXPECT_EQ(handled_, 1);
}

TEST_F(GatewayTest, RunsNoEscapeAttemptsBeforeEvidence) {
  prepare_ = [](Gateway& gateway) { gateway.serve_probe(echo_nonce); };
  start_echo();
  auto connected = connect();
  EXPECT_TRUE(connected.client->send(probe_of(nonce(1))));
  EXPECT_THAT(connected.client->receive(), StartsWith("428 "));
  EXPECT_EQ(gateway_->stats().probes, 0U);
}

TEST_F(GatewayTest, NeverLetsTheApplicationAnswerForItsWalls) {
  start_echo();
  for (const std::string& request :
       {probe_of(nonce(1)), "GET " + std::string(attested_tls::kProbePath) + " HTTP/1.1\r\nHost: h\r\n\r\n"}) {
    auto connected = attested();
    EXPECT_TRUE(connected.client->send(request));
    EXPECT_THAT(connected.client->receive(), StartsWith("404 "));
  }
  EXPECT_EQ(handled_, 0);
}

TEST_F(GatewayTest, RunsEscapeAttemptsOneAtATimeAndNotTooOften) {
  std::optional<net::testing::Latch> finish(loop_.get_executor());
  int runs = 0;
  prepare_ = [&](Gateway& gateway) {
    gateway.serve_probe([&](Nonce) -> net::Task<Result<std::string>> {
      ++runs;
      co_await finish->wait();
      co_return std::string("{}");
    });
  };
  start_echo();
  auto first = attested(), second = attested();
  EXPECT_TRUE(first.client->send(probe_of(nonce(1))));
  run_until(loop_, [&] { return runs == 1; });
  EXPECT_TRUE(second.client->send(probe_of(nonce(2))));
  EXPECT_THAT(second.client->receive(), StartsWith("429 ")) << "one runs";
  finish->set();
  EXPECT_EQ(first.client->receive(), "200 {}");
  auto third = attested();
  EXPECT_TRUE(third.client->send(probe_of(nonce(3))));
  EXPECT_THAT(third.client->receive(), StartsWith("429 ")) << "one has just run";
  EXPECT_EQ(runs, 1);
}

TEST_F(GatewayTest, TellsThatEscapeAttemptsCouldNotBeRun) {
  prepare_ = [](Gateway& gateway) {
    gateway.serve_probe([](Nonce) -> net::Task<Result<std::string>> {
      co_return base::fail(ErrorKind::platform, "no sandbox today", "with a secret in it");
    });
  };
  start_echo();
  auto connected = attested();
  EXPECT_TRUE(connected.client->send(probe_of(nonce(1))));
  const std::string answer = connected.client->receive();
  EXPECT_THAT(answer, StartsWith("503 "));
  EXPECT_THAT(answer, ::testing::Not(HasSubstr("secret")));
  auto other = attested();
  EXPECT_TRUE(other.client->send(probe_of("not a nonce")));
  EXPECT_THAT(other.client->receive(), StartsWith("400 "));
}

}  // namespace
}  // namespace blindbox::gateway
