// SPDX-License-Identifier: Apache-2.0
// What the proxy does over time: it keeps verdicts fresh, waits for servers that are away, and cuts off those that stop
// being acceptable. What reached the far end is counted each time.
#include <filesystem>

#include "blindbox/ledger/reader.h"
#include "channel_fixture.h"

namespace blindbox::channel {
namespace {

using http::Request;
using http::ResponseSink;
using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

const std::string kSecret = std::string("AKIA") + "Z7QJ4XW2LMNRT5VB";

class ChannelKeep : public ChannelTest {
 protected:
  ~ChannelKeep() override {
    proxy_.reset();
    std::filesystem::remove_all(folder_);
  }
  std::shared_ptr<proxy::Pool> pool(std::uint16_t server) {
    options_.server = {"127.0.0.1", server};
    options_.policy = policy_;
    return proxy::Pool::make(options_, {}).value();
  }
  // One proxy over these servers, with a ledger and a scan.
  void connect_all(std::vector<proxy::Server> servers, scan::Mode mode = scan::Mode::warn) {
    setup_.servers = std::move(servers);
    setup_.scan = mode;
    setup_.ignore = std::make_shared<scan::IgnoreList>(std::vector<std::string>{}, std::vector<std::string>{});
    setup_.ledger_folder = folder_;
    ledger::WriterOptions options;
    options.folder = folder_;
    setup_.ledger = std::make_shared<ledger::Writer>(ledger::Writer::open(options).value());
    proxy_.emplace(net::listen_tcp(loop_.get_executor(), {"127.0.0.1", 0}).value(), setup_);
    proxy_->start();
  }
  void serve_stream() {
    serve([](const Request& request, ResponseSink& sink, std::stop_token stop) {
      if (request.target != "/stream") return sink.respond({200, "text/plain", request.body, {}});
      sink.begin_stream(200, "text/event-stream");
      (void)sink.write("data: first\n\n");
      std::mutex mutex;
      std::condition_variable_any stopped;
      std::unique_lock lock(mutex);
      stopped.wait(lock, stop, [] { return false; });
    });
  }
  std::vector<ledger::Entry> entries() { return ledger::newest(folder_, 100); }
  nlohmann::json get(const std::string& path) {
    const std::string answer = ask("GET " + path + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
    EXPECT_THAT(answer, StartsWith("200 "));
    return nlohmann::json::parse(answer.substr(4), nullptr, false);
  }
  std::string act(const std::string& path, const std::string& body) {
    return ask("POST " + path + " HTTP/1.1\r\nHost: localhost\r\nBlindbox-Page: 1\r\nContent-Length: " +
               std::to_string(body.size()) + "\r\n\r\n" + body);
  }

  proxy::Options setup_;
  const std::string folder_ = testing::TempDir() + "channel_keep_" + std::to_string(::getpid()) + "_" +
                              testing::UnitTest::GetInstance()->current_test_info()->name();
};

TEST_F(ChannelKeep, AStreamIsCutOffWhenTheServerStopsBeingAcceptable) {
  serve_stream();
  const auto kept = pool(gateway_->port());
  connect_all({{"work", "https://work", kept}});
  auto client = editor();
  ASSERT_TRUE(client.send(post("/stream")));
  ASSERT_TRUE(client.receive_head());
  EXPECT_EQ(client.receive_piece(), "data: first\n\n");
  guest_.policy |= std::uint64_t{1} << 19;  // debug
  const auto attested = run(loop_, kept->attest());
  ASSERT_FALSE(attested);
  EXPECT_EQ(kept->standing(), proxy::Standing::refused);
  const std::string rest = client.rest();
  EXPECT_THAT(rest, HasSubstr("stream_broken"));
  EXPECT_THAT(rest, HasSubstr("sev_snp.policy.debug_disabled")) << "and says why";
  EXPECT_THAT(rest, Not(HasSubstr("\r\n0\r\n\r\n")));
  run_until(loop_, [&] { return entries().size() == 1; });
  EXPECT_EQ(entries()[0].outcome, "failed");
  const auto before = gateway_->stats().application_bytes;
  EXPECT_THAT(ask(post("/infill")), StartsWith("502 "));
  proxy_.reset();
  run(loop_, gateway_->drain(kPatience));
  EXPECT_EQ(gateway_->stats().application_bytes, before) << "nothing after the refusal";
}

TEST_F(ChannelKeep, RequestsWaitForAServerThatIsAway) {
  serve_echo();
  const std::uint16_t port = gateway_->port();
  options_.hold = kPatience;
  options_.first_backoff = milliseconds(5);
  const auto kept = pool(port);
  connect_all({{"work", "https://work", kept}});
  EXPECT_THAT(ask(post("/infill")), StartsWith("200 "));
  gateway_.reset();
  settle();
  auto first = editor(), second = editor();
  ASSERT_TRUE(first.send(post("/infill", "one")));
  ASSERT_TRUE(second.send(post("/infill", "two")));
  run_until(loop_, [&] { return kept->held() == 2; });
  EXPECT_EQ(kept->standing(), proxy::Standing::unreachable);
  gateway_.emplace(
      net::listen_tcp(loop_.get_executor(), {"127.0.0.1", port}).value(), responder(),
      [this] {
        return net::connect_tcp({"127.0.0.1", application_->port()}, kPatience);
      },
      gateway::Limits{});
  ASSERT_TRUE(gateway_->start());
  EXPECT_EQ(first.receive(), "200 POST /infill one");
  EXPECT_EQ(second.receive(), "200 POST /infill two");
  EXPECT_EQ(kept->held(), 0U);
}

TEST_F(ChannelKeep, WaitingHasAnEndAndABound) {
  const std::uint16_t nobody = [&] {
    return net::testing::port_of(net::listen_tcp(loop_.get_executor(), {"127.0.0.1", 0}).value().native_handle());
  }();
  options_.hold = milliseconds(100);
  options_.first_backoff = milliseconds(5);
  options_.most_held = 1;
  const auto kept = pool(nobody);
  connect_all({{"work", "https://work", kept}});
  auto first = editor();
  ASSERT_TRUE(first.send(post("/infill")));
  run_until(loop_, [&] { return kept->held() == 1; });
  EXPECT_THAT(ask(post("/infill")), HasSubstr("too many requests wait"));
  EXPECT_THAT(first.receive(), StartsWith("503 "));
  run_until(loop_, [&] { return entries().size() == 2; });
  for (const auto& entry : entries()) {
    EXPECT_EQ(entry.outcome, "failed");
    EXPECT_EQ(entry.bytes_out, 0U);
    EXPECT_EQ(entry.verdict, "");
  }
}

TEST_F(ChannelKeep, WhoeverWaitsForAReplacementThatIsRefusedIsTold) {
  serve_echo();
  options_.hold = kPatience;
  options_.first_backoff = milliseconds(5);
  const std::uint16_t port = gateway_->port();
  const auto kept = pool(port);
  connect_all({{"work", "https://work", kept}});
  EXPECT_THAT(ask(post("/infill")), StartsWith("200 "));
  gateway_.reset();
  settle();
  auto client = editor();
  ASSERT_TRUE(client.send(post("/infill")));
  run_until(loop_, [&] { return kept->held() == 1; });
  guest_.policy |= std::uint64_t{1} << 19;
  gateway_.emplace(
      net::listen_tcp(loop_.get_executor(), {"127.0.0.1", port}).value(), responder(),
      [this] {
        return net::connect_tcp({"127.0.0.1", application_->port()}, kPatience);
      },
      gateway::Limits{});
  ASSERT_TRUE(gateway_->start());
  EXPECT_THAT(client.receive(), HasSubstr("sev_snp.policy.debug_disabled"));
  proxy_.reset();
  run(loop_, gateway_->drain(kPatience));
  EXPECT_EQ(gateway_->stats().application_bytes, 0U);
  EXPECT_EQ(handled_, 1);
}

TEST_F(ChannelKeep, VerdictsAreRenewedBeforeARequestHasToWait) {
  serve_echo();
  options_.attest_every = milliseconds(50);
  options_.upkeep = milliseconds(10);
  const auto kept = pool(gateway_->port());
  connect_all({{"work", "https://work", kept}});
  EXPECT_THAT(ask(post("/infill")), StartsWith("200 "));
  kept->start(loop_.get_executor());
  run_until(loop_, [&] { return gateway_->stats().challenges >= 4; });
  EXPECT_EQ(gateway_->stats().requests, 1U);
  EXPECT_EQ(kept->standing(), proxy::Standing::accepted);
}

TEST_F(ChannelKeep, AMachineThatSleptAsksAgainFirst) {
  serve_echo();
  std::chrono::nanoseconds slept{0};
  options_.slept = [&slept] { return slept; };
  const auto kept = pool(gateway_->port());
  connect_all({{"work", "https://work", kept}});
  EXPECT_THAT(ask(post("/infill")), StartsWith("200 "));
  EXPECT_THAT(ask(post("/infill")), StartsWith("200 "));
  EXPECT_EQ(gateway_->stats().challenges, 1U);
  slept = std::chrono::hours(9);
  guest_.policy |= std::uint64_t{1} << 19;
  const int before = handled_;
  EXPECT_THAT(ask(post("/infill")), HasSubstr("sev_snp.policy.debug_disabled"));
  EXPECT_EQ(handled_, before) << "the old verdict opens nothing";
}

TEST_F(ChannelKeep, SecretsAreBlockedBeforeAnythingLeaves) {
  serve_echo();
  connect_all({{"work", "https://work", pool(gateway_->port())}}, scan::Mode::block);
  const std::string answer = ask(post("/infill", "{\"input_prefix\":\"k = '" + kSecret + "'\"}"));
  EXPECT_THAT(answer, StartsWith("403 "));
  EXPECT_THAT(answer, HasSubstr("aws-access-token in line 1 of input_prefix"));
  EXPECT_THAT(answer, Not(HasSubstr(kSecret)));
  run_until(loop_, [&] { return entries().size() == 1; });
  EXPECT_EQ(entries()[0].outcome, "blocked");
  EXPECT_EQ(entries()[0].bytes_out, 0U);
  EXPECT_THAT(entries()[0].findings, testing::ElementsAre("aws-access-token"));
  EXPECT_EQ(gateway_->stats().application_bytes, 0U);
}

TEST_F(ChannelKeep, SecretsInAnAddressAreKeptFromTheLedgerWhateverBecomesOfTheRequest) {
  serve_echo();
  connect_all({{"work", "https://work", pool(gateway_->port())}});
  for (const std::string from : {"/@nobody/", "/@No-Name/", "/.well-known/blindbox/../", "/"})
    (void)ask("GET " + from + kSecret + " HTTP/1.1\r\nHost: localhost\r\n\r\n");
  for (const ledger::Entry& entry : entries()) EXPECT_THAT(entry.path, Not(HasSubstr(kSecret)));
  EXPECT_EQ(entries().size(), 3U) << "what the guard refuses is no request";
}

TEST_F(ChannelKeep, SecretsAreRedactedAndTheAnswerSaysSo) {
  serve_echo();
  connect_all({{"work", "https://work", pool(gateway_->port())}}, scan::Mode::redact);
  auto client = editor();
  ASSERT_TRUE(client.send(post("/infill", "{\"input_prefix\":\"k = '" + kSecret + "'\"}")));
  EXPECT_EQ(client.receive(), "200 POST /infill {\"input_prefix\":\"k = '[redacted aws-access-token]'\"}");
  EXPECT_EQ(http::find_field(client.last().fields, "blindbox-scan"), "redact; aws-access-token:1");
  run_until(loop_, [&] { return entries().size() == 1; });
  const std::string left = "{\"input_prefix\":\"k = '[redacted aws-access-token]'\"}";
  EXPECT_EQ(entries()[0].sha256, base::to_hex(base::sha256(base::view(left))));
  EXPECT_EQ(entries()[0].bytes_out, left.size());
  EXPECT_EQ(entries()[0].outcome, "answered");
  EXPECT_EQ(entries()[0].status, 200U);
  EXPECT_EQ(entries()[0].server, "work");
  EXPECT_EQ(entries()[0].verdict.size(), 64U);
}

TEST_F(ChannelKeep, LongBodiesAreScannedToo) {
  serve_echo();
  connect_all({{"work", "https://work", pool(gateway_->port())}}, scan::Mode::block);
  EXPECT_THAT(ask(post("/infill", "{\"a\":\"" + std::string(200'000, 'x') + " " + kSecret + " \"}")),
              StartsWith("403 "));
}

TEST_F(ChannelKeep, RequestsChooseTheirServer) {
  serve_echo();
  const std::uint16_t nobody = 1;
  connect_all({{"work", "https://work", pool(gateway_->port())}, {"home", "https://home", pool(nobody)}});
  EXPECT_EQ(ask(post("/@work/infill", "x")), "200 POST /infill x");
  EXPECT_THAT(ask(post("/@home/infill", "x")), StartsWith("503 "));
  EXPECT_THAT(ask(post("/@nobody/infill", "x")), StartsWith("404 "));
  const std::string chosen = "GET /x HTTP/1.1\r\nHost: localhost\r\nBlindbox-Server: home\r\n\r\n";
  EXPECT_THAT(ask(chosen), StartsWith("503 "));
}

TEST_F(ChannelKeep, StatusAndLedgerAreServed) {
  serve_echo();
  connect_all({{"work", "https://work", pool(gateway_->port())}});
  EXPECT_THAT(ask(post("/infill?key=hidden", "x")), StartsWith("200 "));
  run_until(loop_, [&] { return entries().size() == 1; });
  const auto status = get("/.blindbox/api/status");
  const auto& server = status.at("servers").at(0);
  EXPECT_EQ(server.at("state"), "accepted");
  EXPECT_EQ(server.at("emulated"), true);
  EXPECT_EQ(server.at("verdict").at("verdict"), "accepted");
  EXPECT_FALSE(server.at("verdict").at("checks").at(0).at("purpose").get<std::string>().empty());
  EXPECT_EQ(server.at("verdict_digest"), entries()[0].verdict);
  EXPECT_EQ(server.at("manifest").at("model").at("id"), "test-model");
  EXPECT_EQ(server.at("requests").at("total"), 1);
  std::string roles;
  for (const auto& link : server.at("chain")) roles += link.at("role").get<std::string>() + " ";
  EXPECT_EQ(roles, "root intermediate leaf report manifest tls model ");
  const auto ledger = get("/.blindbox/api/ledger?limit=5");
  EXPECT_EQ(ledger.at("sums").at("requests"), 1);
  EXPECT_EQ(ledger.at("entries").at(0).at("path"), "/infill") << "without its query";
  const std::string last = ledger.at("entries").at(0).at("time");
  EXPECT_TRUE(get("/.blindbox/api/ledger?before=" + last).at("entries").empty());
  EXPECT_THAT(ask("GET /.blindbox/api/ledger?limit=0 HTTP/1.1\r\nHost: localhost\r\n\r\n"), StartsWith("400 "));
  EXPECT_THAT(ask("GET /.blindbox/nothing HTTP/1.1\r\nHost: localhost\r\n\r\n"), StartsWith("404 "));
  EXPECT_EQ(gateway_->stats().requests, 1U) << "none of this left";
}

TEST_F(ChannelKeep, EventsTellOfRequests) {
  serve_echo();
  connect_all({{"work", "https://work", pool(gateway_->port())}});
  auto listener = editor();
  ASSERT_TRUE(listener.send("GET /.blindbox/api/events HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  ASSERT_TRUE(listener.receive_head());
  EXPECT_THAT(listener.receive_piece(), StartsWith("event: status\ndata: {"));
  EXPECT_THAT(ask(post("/infill", "x")), StartsWith("200 "));
  std::string heard;
  for (int i = 0; i < 20 && heard.find("event: ledger") == std::string::npos; ++i) heard += listener.receive_piece();
  EXPECT_THAT(heard, HasSubstr("event: ledger\ndata: {\"time\":"));
}

TEST_F(ChannelKeep, APauseLetsNothingLeave) {
  serve_echo();
  connect_all({{"work", "https://work", pool(gateway_->port())}});
  EXPECT_THAT(
      ask("POST /.blindbox/api/pause HTTP/1.1\r\nHost: localhost\r\nContent-Length: 15\r\n\r\n{\"paused\":true}"),
      StartsWith("403 "))
      << "a form of another page cannot";
  EXPECT_THAT(act("/.blindbox/api/pause", "{}"), StartsWith("400 "));
  EXPECT_THAT(act("/.blindbox/api/pause", "{\"paused\":true}"), HasSubstr("\"state\":\"paused\""));
  EXPECT_THAT(ask(post("/infill", "x")), StartsWith("503 "));
  EXPECT_EQ(gateway_->stats().requests, 0U);
  EXPECT_THAT(act("/.blindbox/api/pause", "{\"paused\":false}"), StartsWith("200 "));
  EXPECT_THAT(ask(post("/infill", "x")), StartsWith("200 "));
  EXPECT_THAT(act("/.blindbox/api/attest", ""), HasSubstr("\"state\":\"accepted\""));
}

TEST_F(ChannelKeep, ATokenIsAskedForAndGoesNoFurther) {
  serve([](const Request& request, ResponseSink& sink, std::stop_token) {
    std::string fields;
    for (const auto& [name, value] : request.fields) fields += name + ": " + value + "\n";
    sink.respond({200, "text/plain", fields, {}});
  });
  setup_.token = "0123456789abcdef";
  connect_all({{"work", "https://work", pool(gateway_->port())}});
  EXPECT_THAT(ask(post("/infill")), StartsWith("401 ")) << "the server's key is not the proxy's token";
  EXPECT_THAT(ask("GET /.blindbox/api/status HTTP/1.1\r\nHost: localhost\r\n\r\n"), StartsWith("401 "));
  const std::string with = "GET /x HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer 0123456789abcdef\r\n\r\n";
  const std::string seen = ask(with);
  EXPECT_THAT(seen, StartsWith("200 "));
  EXPECT_THAT(seen, Not(HasSubstr("0123456789abcdef")));
  auto browser = editor();
  ASSERT_TRUE(browser.send("GET /.blindbox/?token=0123456789abcdef HTTP/1.1\r\nHost: localhost\r\n\r\n"));
  ASSERT_TRUE(browser.receive_head());
  EXPECT_EQ(browser.last().status, 307U);
  EXPECT_THAT(std::string(http::find_field(browser.last().fields, "set-cookie").value_or("")), HasSubstr("HttpOnly"));
}

// A browser sends the cookies of every port of this machine.
TEST_F(ChannelKeep, TokensOfOtherProxiesGoNoFurther) {
  serve([](const Request& request, ResponseSink& sink, std::stop_token) {
    std::string fields;
    for (const auto& [name, value] : request.fields) fields += name + ": " + value + "\n";
    sink.respond({200, "text/plain", fields, {}});
  });
  connect_all({{"work", "https://work", pool(gateway_->port())}});
  const std::string seen =
      ask("GET /x HTTP/1.1\r\nHost: localhost\r\nCookie: a=b; blindbox_token_8766=theirs\r\nBlindbox-Token: theirs\r\n"
          "Authorization: Bearer sk-of-the-server\r\n\r\n");
  EXPECT_THAT(seen, StartsWith("200 "));
  EXPECT_THAT(seen, HasSubstr("Cookie: a=b\n"));
  EXPECT_THAT(seen, HasSubstr("sk-of-the-server"));
  EXPECT_THAT(seen, Not(HasSubstr("theirs")));
}

TEST_F(ChannelKeep, ACompletionSurvivesAServerThatDiesUnderIt) {
  int served = 0;
  FarEnd far_end(loop_, [&](net::TlsStream& stream, Bytes challenge) -> Task<void> {
    const auto bundle = co_await responder().answer(stream.native_handle(), challenge);
    co_await reply_with(stream, evidence_message(bundle.value()));
    if (++served == 1) stream.close();  // the first closes as the request comes
  });
  connect_all({{"work", "https://work", pool(far_end.port())}});
  EXPECT_EQ(ask(post("/infill")), "200 mine");
}

// As one does that is told to stop: 503 says when to come again, 502 would not.
TEST_F(ChannelKeep, AServerThatClosesUnderEveryRequestIsWorthComingBackTo) {
  FarEnd far_end(loop_, [&](net::TlsStream& stream, Bytes challenge) -> Task<void> {
    const auto bundle = co_await responder().answer(stream.native_handle(), challenge);
    co_await reply_with(stream, evidence_message(bundle.value()));
    stream.close();
  });
  connect_all({{"work", "https://work", pool(far_end.port())}});
  auto client = editor();
  ASSERT_TRUE(client.send(post("/infill")));
  EXPECT_THAT(client.receive(), AllOf(StartsWith("503 "), HasSubstr("server_unreachable")));
  EXPECT_NE(http::find_field(client.last().fields, "retry-after"), std::nullopt);
  EXPECT_THAT(ask(post("/orders")), StartsWith("502 ")) << "it may have been taken";
}

}  // namespace
}  // namespace blindbox::channel
