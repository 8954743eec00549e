// SPDX-License-Identifier: Apache-2.0
// What an attested connection costs beside a plain TLS 1.3 one that carries one answer of the same size. Both ends run
// in this process, so CPU time is that of client and server together; what the emulator spends on signing its reports
// is measured around each call and taken off, because on a real machine the security processor does that.
#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_awaitable.hpp>

#include "blindbox/attested_tls/challenge.h"
#include "blindbox/attested_tls/client.h"
#include "blindbox/evidence/bundle.h"
#include "blindbox/gateway/gateway.h"
#include "blindbox/http/handler.h"
#include "blindbox/net/testing.h"
#include "blindbox/verifier/verify.h"
#include "link.h"
#include "measure.h"
#include "rig.h"

namespace blindbox::bench {
namespace {

using net::HostPort;
using net::Task;
using net::testing::run;

constexpr int kRounds = 30;
constexpr int kConnections = 12;  // of each kind in a round
constexpr int kLinkRounds = 25;
constexpr std::chrono::milliseconds kRoundTrip{20};

// TLS 1.3 with the very contexts of the attested channel, and an answer of a bundle's size to any request: at once, or
// after a call of the device whose result it drops.
class PlainServer {
 public:
  PlainServer(net::asio::io_context& loop, std::size_t answer_size, attested_tls::EvidenceSource device)
      : answer_(answer_size, 'x'),
        device_(std::move(device)),
        sessions_(take(net::listen_tcp(loop.get_executor(), {"127.0.0.1", 0})), 100,
                  [this](net::Socket socket, net::Session& session) { return serve(std::move(socket), session); }) {
    sessions_.start();
  }
  [[nodiscard]] std::uint16_t port() const { return sessions_.port(); }

 private:
  Task<void> serve(net::Socket socket, net::Session& session) {
    net::TlsStream stream(std::move(socket), *context_);
    session.own(stream);
    stream.set_read_deadline(kPatience);
    const auto shaken = co_await stream.handshake(net::TlsStream::Role::server);
    if (!shaken) co_return stream.close();
    http::RequestReader reader(stream);
    while (true) {
      const auto head = co_await reader.read_head(kPatience);
      if (!head || !*head) break;
      (void)co_await reader.read_whole_body(http::kBodyLimit);
      if (device_) co_await net::asio::co_spawn(thread_, call_device(), net::asio::use_awaitable);
      const http::Response response{200, "application/cbor", answer_, {}};
      (void)co_await http::write_response(stream, response, true);
    }
    co_await stream.shut_down();
  }
  Task<void> call_device() {
    (void)device_({});
    co_return;
  }

  std::string answer_;
  attested_tls::EvidenceSource device_;
  net::asio::thread_pool thread_{1};
  std::unique_ptr<net::asio::ssl::context> context_ = take(attested_tls::make_server_context(base::now()));
  net::Sessions sessions_;
};

// As long as a challenge.
std::string plain_request() {
  const std::string body(attested_tls::kChallengeSize, 'n');
  return http::write_head(http::RequestHead{"POST", "/", {{"Host", "h"}}, {http::Framing::Kind::length, body.size()}}) +
         body;
}

// Milliseconds from the first packet to the answer; the goodbye is paid for as well but nobody waits for it.
Task<double> plain_connection(HostPort to, net::asio::ssl::context& context, std::size_t answer_size) {
  const double start = wall_ms();
  net::TlsStream stream(take(co_await net::connect_tcp(to, kPatience)), context);
  http::ResponseReader reader(stream);
  stream.set_read_deadline(kPatience);
  const auto shaken = co_await stream.handshake(net::TlsStream::Role::client);
  require(shaken.has_value(), "a plain handshake failed");
  const std::string request = plain_request();
  (void)co_await stream.write(base::view(request));
  const auto answer = co_await reader.read_head(kPatience);
  require(answer && *answer, "no answer over plain TLS");
  const auto whole = co_await reader.read_whole_body(http::kBodyLimit);
  require(whole && whole->size() == answer_size, "another answer over plain TLS");
  const double taken = wall_ms() - start;
  co_await stream.shut_down();
  co_return taken;
}

struct Client {
  std::unique_ptr<net::asio::ssl::context> context = take(attested_tls::make_client_context());
  policy::Policy policy;
};

Task<double> attested_connection(HostPort to, Client& client) {
  const double start = wall_ms();
  auto outcome = co_await attested_tls::connect(to, *client.context, client.policy, base::now(), {}, {});
  const double taken = wall_ms() - start;
  const auto connection = take(std::move(outcome.connection));
  co_await connection->stream().shut_down();
  co_return taken;
}

// The evidence and the expectations of one connection, for verification by itself.
struct Sample {
  evidence::Evidence evidence;
  ByteArray<64> report_data{};
  Bytes manifest = bench::manifest();

  [[nodiscard]] std::size_t bundle_size() const {
    return evidence::encode_bundle({evidence, {}, {}, manifest, {}}).size();
  }
  [[nodiscard]] verifier::Verdict judge(const policy::Policy& policy) const {
    const verifier::Subject subject{
        .evidence = evidence, .expected_report_data = report_data, .manifest = ByteView(manifest)};
    return verifier::verify(subject, policy, base::now());
  }
};

struct Costs {
  std::vector<double> attested, plain, waiting, verification, signing;               // milliseconds
  std::vector<double> ratio, without_verification, without_device_nor_verification;  // to plain
};

class Bench {
 public:
  Bench() {
    client_.policy = policy_for(device_);
    sample_.evidence = device_.processor().evidence(device_.guest(), sample_.report_data);
    plain_.emplace(loop_, sample_.bundle_size(), nullptr);
    waiting_.emplace(loop_, sample_.bundle_size(), device_.source());
    responder_.emplace(loop_.get_executor(), device_.source(), manifest());
    gateway_.emplace(
        take(net::listen_tcp(loop_.get_executor(), {"127.0.0.1", 0})), *responder_,
        []() -> Task<Result<net::Socket>> { co_return base::fail(ErrorKind::network, "no application here"); },
        gateway::Limits{});
    require(gateway_->start().has_value(), "the gateway does not start");
  }
  ~Bench() {
    gateway_.reset();
    while (loop_.poll_one() > 0) {
    }
  }

  // CPU time per connection; one value for each round, and ratios within a round.
  Costs cpu() {
    Costs costs;
    for (int round = 0; round <= kRounds; ++round) {
      const auto before = device_.spent();
      const double attested = lap([this] { (void)run(loop_, attested_connection(gateway(), client_)); });
      const double signing = (device_.spent().cpu_ms - before.cpu_ms) / kConnections;
      const double plain_alone = lap([this] { connect_plainly(*plain_); });
      const double waiting = lap([this] { connect_plainly(*waiting_); });
      // After a connection, as in life: caches are as cold as they are there.
      const double verification = lap([this] {
                                    connect_plainly(*plain_);
                                    require(sample_.judge(client_.policy).accepted(), "evidence is refused");
                                  }) -
                                  plain_alone;
      if (round == 0) continue;  // what is loaded and allocated once
      costs.attested.push_back(attested);
      costs.plain.push_back(plain_alone);
      costs.waiting.push_back(waiting);
      costs.verification.push_back(verification);
      costs.signing.push_back(signing);
      costs.ratio.push_back(attested / plain_alone);
      costs.without_verification.push_back((attested - verification) / plain_alone);
      costs.without_device_nor_verification.push_back((attested - verification) / waiting);
    }
    return costs;
  }

  // Wall time over a link with a delay, to the verdict and to the plain answer.
  Costs over_link() {
    Link to_gateway(loop_, gateway(), kRoundTrip / 2);
    Link to_plain(loop_, {"127.0.0.1", plain_->port()}, kRoundTrip / 2);
    Costs costs;
    for (int round = 0; round < kLinkRounds; ++round) {
      const auto before = device_.spent();
      const double whole = run(loop_, attested_connection({"127.0.0.1", to_gateway.port()}, client_));
      costs.attested.push_back(whole - (device_.spent().wall_ms - before.wall_ms));
      costs.plain.push_back(
          run(loop_, plain_connection({"127.0.0.1", to_plain.port()}, *client_.context, bundle_size())));
      costs.ratio.push_back(costs.attested.back() / costs.plain.back());
    }
    return costs;
  }

  [[nodiscard]] std::size_t bundle_size() const { return sample_.bundle_size(); }

 private:
  [[nodiscard]] HostPort gateway() const { return {"127.0.0.1", gateway_->port()}; }
  void connect_plainly(const PlainServer& server) {
    (void)run(loop_, plain_connection({"127.0.0.1", server.port()}, *client_.context, bundle_size()));
  }
  // Of one connection, without the signing.
  double lap(const std::function<void()>& connect) {
    const double signing = device_.spent().cpu_ms;
    const double start = process_cpu_ms();
    for (int i = 0; i < kConnections; ++i) connect();
    return (process_cpu_ms() - start - (device_.spent().cpu_ms - signing)) / kConnections;
  }

  net::asio::io_context loop_;
  Device device_;
  Client client_;
  Sample sample_;
  std::optional<PlainServer> plain_, waiting_;
  std::optional<attested_tls::Responder> responder_;
  std::optional<gateway::Gateway> gateway_;
};

}  // namespace
}  // namespace blindbox::bench

int main() {
  using namespace blindbox::bench;
  Bench bench;
  const Costs cpu = bench.cpu();
  const Costs link = bench.over_link();
  fmt::print("CPU time of both ends per connection, medians of {} rounds of {}; a bundle has {} bytes\n", kRounds,
             kConnections, bench.bundle_size());
  fmt::print("  attested connection                     {:6.3f} ms (the emulator's signing, {:.3f} ms, not counted)\n",
             median(cpu.attested), median(cpu.signing));
  fmt::print("    of that, verification                 {:6.3f} ms\n", median(cpu.verification));
  fmt::print("  plain TLS 1.3 connection                {:6.3f} ms\n", median(cpu.plain));
  fmt::print("    with a device call before its answer  {:6.3f} ms (the signing not counted here either)\n",
             median(cpu.waiting));
  fmt::print("wall time over a link of {} ms there and back, medians of {} (the device's time taken off)\n",
             kRoundTrip.count(), kLinkRounds);
  fmt::print("  to the verdict {:.1f} ms, to the plain answer {:.1f} ms\n", median(link.attested), median(link.plain));
  const std::string what = "attested connection / plain TLS 1.3 connection, ";
  const auto close = [&what](const std::string& how, const std::vector<double>& ratios) {
    closing_line(what + how, median(ratios), "x", Target::at_most, 1.2);
  };
  close("CPU without verification, a device call on both sides", cpu.without_device_nor_verification);
  close("CPU without verification", cpu.without_verification);
  close("wall time over the link", link.ratio);
  close("CPU", cpu.ratio);
}
