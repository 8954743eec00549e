// SPDX-License-Identifier: Apache-2.0
// 256 clients at once against a device that takes 8 ms a call: how many calls that takes and how long each client waits
// for its verdict, with one call for all challenges that wait (a tree), beside one call for each challenge.
//
// The clients share a thread here, where in life each has a machine of its own. So a client keeps its bundle, and its
// verification is timed afterwards, alone, and added to its own time.
#include <fmt/format.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>

#include "blindbox/attested_tls/challenge.h"
#include "blindbox/attested_tls/client.h"
#include "blindbox/gateway/gateway.h"
#include "blindbox/verifier/verify.h"
#include "measure.h"
#include "rig.h"

namespace blindbox::bench {
namespace {

using net::Task;

constexpr std::size_t kClients = 256;
constexpr int kRounds = 3;
constexpr std::chrono::milliseconds kLatency{8};

struct Answer {
  double arrived = 0;  // milliseconds of the wall
  evidence::Bundle bundle;
  std::optional<ByteArray<64>> report_data;
};

std::string challenge(const attested_tls::Nonce& nonce) {
  const std::string body(base::as_text(attested_tls::encode_challenge(nonce)));
  return http::write_head(http::RequestHead{"POST",
                                            std::string(attested_tls::kAttestationPath),
                                            {{"Host", "h"}},
                                            {http::Framing::Kind::length, body.size()}}) +
         body;
}

// The steps of attested_tls::connect up to the verdict.
Task<void> ask(net::HostPort to, net::asio::ssl::context& context, Answer& out) {
  net::TlsStream stream(take(co_await net::connect_tcp(to, kPatience)), context);
  http::ResponseReader reader(stream);
  stream.set_read_deadline(kPatience);
  const auto shaken = co_await stream.handshake(net::TlsStream::Role::client);
  require(shaken.has_value(), "a handshake failed");
  attested_tls::Nonce nonce{};
  const Bytes random = base::random_bytes(nonce.size());
  std::copy(random.begin(), random.end(), nonce.begin());
  const auto facts = take(attested_tls::session_facts(stream.native_handle(), attested_tls::End::client, nonce));
  const std::string request = challenge(nonce);
  (void)co_await stream.write(base::view(request));
  const auto answer = co_await reader.read_head(kPatience);
  require(answer && *answer && (*answer)->status == 200, "a challenge was not answered");
  const std::string bundle = take(co_await reader.read_whole_body(evidence::kBundleCap));
  out.arrived = wall_ms();
  out.bundle = take(evidence::decode_bundle(base::view(bundle)));
  const auto own = attested_tls::binder({nonce, facts.exporter, facts.spki_sha256, out.bundle.manifest, {}, {}});
  if (const auto root = attested_tls::root_from_path(own, out.bundle.path)) {
    out.report_data = attested_tls::report_data(out.bundle.path.tree_size, *root);
  }
}

struct Outcome {
  std::uint64_t calls = 0;
  double total = 0, p50 = 0, p99 = 0;  // milliseconds to a verdict
};

// servers: one that all clients share, or one for each client, all on the same device.
Outcome run_clients(std::size_t servers) {
  Device device(kLatency);
  const policy::Policy policy = policy_for(device);
  Loop loop;
  std::vector<std::unique_ptr<attested_tls::Responder>> responders;
  std::vector<std::unique_ptr<gateway::Gateway>> gateways;
  const auto no_application = []() -> Task<Result<net::Socket>> {
    co_return base::fail(ErrorKind::network, "no application here");
  };
  for (std::size_t i = 0; i < servers; ++i) {
    responders.push_back(std::make_unique<attested_tls::Responder>(loop.executor(), device.source(), manifest()));
    gateways.push_back(std::make_unique<gateway::Gateway>(take(net::listen_tcp(loop.executor(), {"127.0.0.1", 0})),
                                                          *responders.back(), no_application, gateway::Limits{}));
    require(gateways.back()->start().has_value(), "a gateway does not start");
  }
  loop.start();

  const auto context = take(attested_tls::make_client_context());
  net::asio::io_context clients;
  std::vector<Answer> answers(kClients);
  for (std::size_t i = 0; i < kClients; ++i) {
    net::asio::co_spawn(clients, ask({"127.0.0.1", gateways[i % servers]->port()}, *context, answers[i]),
                        net::asio::detached);
  }
  const double start = wall_ms();
  clients.run();
  std::vector<double> times;
  for (const Answer& answer : answers) {
    const double begin = thread_cpu_ms();
    const verifier::Subject subject{.evidence = answer.bundle.primary,
                                    .expected_report_data = answer.report_data,
                                    .manifest = ByteView(answer.bundle.manifest)};
    require(verifier::verify(subject, policy, base::now()).accepted(), "a client refused its evidence");
    times.push_back(answer.arrived - start + thread_cpu_ms() - begin);
  }
  loop.finish([&gateways] { gateways.clear(); });
  return {device.spent().calls, percentile(times, 100), percentile(times, 50), percentile(times, 99)};
}

Outcome medians(const std::vector<Outcome>& rounds) {
  const auto of = [&rounds](auto member) {
    std::vector<double> values;
    values.reserve(rounds.size());
    for (const Outcome& round : rounds) values.push_back(static_cast<double>(round.*member));
    return median(values);
  };
  return {static_cast<std::uint64_t>(of(&Outcome::calls)), of(&Outcome::total), of(&Outcome::p50), of(&Outcome::p99)};
}

void print(const char* how, const Outcome& outcome) {
  fmt::print("  {:30} {:4} device calls, last verdict after {:6.0f} ms, p50 {:6.0f} ms, p99 {:6.0f} ms\n", how,
             outcome.calls, outcome.total, outcome.p50, outcome.p99);
}

}  // namespace
}  // namespace blindbox::bench

int main() {
  using namespace blindbox::bench;
  std::vector<Outcome> together, alone;
  for (int round = 0; round < kRounds; ++round) {
    together.push_back(run_clients(1));
    alone.push_back(run_clients(kClients));
  }
  const Outcome tree = medians(together), each = medians(alone);
  fmt::print("{} clients at once, {} ms a device call, medians of {} rounds\n", kClients, kLatency.count(), kRounds);
  print("one call for all that wait:", tree);
  print("one call for each challenge:", each);
  closing_line("device calls for 256 clients at once", static_cast<double>(tree.calls), "calls", Target::at_most, 64);
  fmt::print("p99 to a verdict, one call for all that wait / one call each: {:.2f} x\n", tree.p99 / each.p99);
}
