// SPDX-License-Identifier: Apache-2.0
// What proxy and gateway cost a user, beside a direct connection to the same application: the answer of a model that
// works 10 ms for each event, a small request, and, for honesty, 8 MiB at once. The application, the gateway, the proxy
// and the client each have a thread; the client speaks plain HTTP with keep-alive on both ways.
#include <fmt/format.h>

#include <atomic>

#include "blindbox/gateway/gateway.h"
#include "blindbox/http/testing.h"
#include "blindbox/proxy/proxy.h"
#include "measure.h"
#include "rig.h"

namespace blindbox::bench {
namespace {

using http::Request;
using http::ResponseSink;
using http::testing::Client;

constexpr int kEvents = 64;
constexpr double kWorkMs = 10;  // of CPU for each event
constexpr std::size_t kBulk = std::size_t{8} << 20;
constexpr int kRequests = 600;
constexpr int kBulkRounds = 7;

// Milliseconds of CPU that handlers have spent, so that the rest is known to be relaying.
std::atomic<double> handler_cpu = 0;

void stream_events(ResponseSink& sink) {
  sink.begin_stream(200, "text/event-stream");
  for (int i = 0; i < kEvents; ++i) {
    const double until = thread_cpu_ms() + kWorkMs;
    while (thread_cpu_ms() < until) {
    }
    if (!sink.write("data: {\"content\": \" token\", \"index\": " + std::to_string(i) + ", \"stop\": false}\n\n"))
      return;
  }
  sink.end();
}

void handle(const Request& request, ResponseSink& sink, const std::stop_token&) {
  const double start = thread_cpu_ms();
  if (request.target == "/stream") {
    stream_events(sink);
  } else if (request.target == "/bulk") {
    sink.respond({200, "application/octet-stream", std::string(kBulk, 'x'), {}});
  } else {
    sink.respond({200, "text/plain", std::to_string(request.body.size()), {}});
  }
  handler_cpu += thread_cpu_ms() - start;
}

class Rig {
 public:
  Rig() {
    app_.emplace(app_loop_.context(), handle);
    responder_.emplace(gateway_loop_.executor(), device_.source(), manifest());
    const net::HostPort application{"127.0.0.1", app_->port()};
    gateway_.emplace(
        take(net::listen_tcp(gateway_loop_.executor(), {"127.0.0.1", 0})), *responder_,
        [application] { return net::connect_tcp(application, kPatience); }, gateway::Limits{});
    require(gateway_->start().has_value(), "the gateway does not start");
    proxy::PoolOptions options;
    options.server = {"127.0.0.1", gateway_->port()};
    options.policy = policy_for(device_);
    proxy_.emplace(take(net::listen_tcp(proxy_loop_.executor(), {"127.0.0.1", 0})),
                   take(proxy::Pool::make(std::move(options), {})), proxy::Limits{});
    proxy_->start();
    direct_.emplace(client_loop_, app_->port());
    relayed_.emplace(client_loop_, proxy_->port());
    for (Loop* loop : {&app_loop_, &gateway_loop_, &proxy_loop_}) loop->start();
  }
  ~Rig() {
    proxy_loop_.finish([this] { proxy_.reset(); });
    gateway_loop_.finish([this] { gateway_.reset(); });
    app_loop_.finish([this] { app_.reset(); });
  }

  struct Sides {
    double direct = 0;
    double relayed = 0;
  };
  // Milliseconds of the wall for one request on each way.
  Sides wall(const std::string& request, std::size_t answer_size) {
    return {once(*direct_, request, answer_size), once(*relayed_, request, answer_size)};
  }
  // Milliseconds of CPU of all parties, the client included, without the application's own work.
  Sides overhead(const std::string& request, std::size_t answer_size) {
    const auto cpu = [&](Client& client) {
      const double start = process_cpu_ms() - handler_cpu;
      (void)once(client, request, answer_size);
      return process_cpu_ms() - handler_cpu - start;
    };
    return {cpu(*direct_), cpu(*relayed_)};
  }

 private:
  static double once(Client& client, const std::string& request, std::size_t answer_size) {
    const double start = wall_ms();
    require(client.send(request), "a request cannot be sent");
    require(client.receive().size() >= answer_size && client.last().status == 200, "a request was not answered");
    return wall_ms() - start;
  }

  Device device_;
  Loop app_loop_, gateway_loop_, proxy_loop_;
  net::asio::io_context client_loop_;
  std::optional<http::testing::Application> app_;
  std::optional<attested_tls::Responder> responder_;
  std::optional<gateway::Gateway> gateway_;
  std::optional<proxy::Proxy> proxy_;
  std::optional<Client> direct_, relayed_;
};

std::string request(const std::string& method, const std::string& target, const std::string& body = "") {
  return method + " " + target + " HTTP/1.1\r\nHost: localhost\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

struct Series {
  std::vector<double> direct, relayed, ratio;
  void add(const Rig::Sides& sides) {
    direct.push_back(sides.direct);
    relayed.push_back(sides.relayed);
    ratio.push_back(sides.direct / sides.relayed);
  }
};

// Events a second, relayed over direct. Returns the median of the rounds' ratios.
double measure_stream(Rig& rig) {
  constexpr double kBudgetMs = 12000;
  const std::string ask = request("GET", "/stream");
  Series wall;
  std::vector<double> cpu;
  const double start = wall_ms();
  while (wall.ratio.size() < 3 || wall_ms() - start < kBudgetMs) {
    wall.add(rig.wall(ask, kEvents));
    const auto overhead = rig.overhead(ask, kEvents);
    cpu.push_back((overhead.relayed - overhead.direct) / kEvents);
  }
  const double extra = median(cpu);
  fmt::print("a streamed answer of {} events, {} ms of CPU each, medians of {} rounds\n", kEvents, kWorkMs,
             wall.ratio.size());
  fmt::print("  direct {:.0f} ms, through proxy and gateway {:.0f} ms\n", median(wall.direct), median(wall.relayed));
  fmt::print("  relaying takes {:.3f} ms of CPU more per event; where the model needs every core: {:.3f} x\n", extra,
             kWorkMs / (kWorkMs + extra));
  return median(wall.ratio);
}

double measure_latency(Rig& rig) {
  const std::string ask = request("POST", "/small", std::string(200, 'p'));
  Series wall;
  for (int i = 0; i < kRequests; ++i) wall.add(rig.wall(ask, 1));
  fmt::print("a small request, {} in turns\n", kRequests);
  fmt::print("  direct p50 {:.3f} ms, p99 {:.3f} ms; through proxy and gateway p50 {:.3f} ms, p99 {:.3f} ms\n",
             median(wall.direct), percentile(wall.direct, 99), median(wall.relayed), percentile(wall.relayed, 99));
  return median(wall.relayed) - median(wall.direct);
}

void measure_bulk(Rig& rig) {
  const auto rate = [](double ms) { return 8 / (ms / 1000); };
  Series down, up;
  const std::string ask = request("GET", "/bulk"), send = request("POST", "/upload", std::string(kBulk, 'x'));
  for (int i = 0; i < kBulkRounds; ++i) {
    down.add(rig.wall(ask, kBulk));
    up.add(rig.wall(send, 1));
  }
  for (const auto& [name, series] : {std::pair{"down", &down}, std::pair{"up", &up}}) {
    fmt::print("  8 MiB {}: direct {:.0f} MiB/s, through proxy and gateway {:.0f} MiB/s: {:.2f} x (no target)\n", name,
               rate(median(series->direct)), rate(median(series->relayed)), median(series->ratio));
  }
}

}  // namespace
}  // namespace blindbox::bench

int main() {
  using namespace blindbox::bench;
  Rig rig;
  (void)rig.wall(request("POST", "/small", "warm"), 1);
  const double latency = measure_latency(rig);
  const double stream = measure_stream(rig);
  fmt::print("bulk, medians of {} rounds\n", kBulkRounds);
  measure_bulk(rig);
  closing_line("small request through proxy and gateway, p50 beyond direct", latency, "ms", Target::at_most, 1);
  closing_line("streamed answer through proxy and gateway / direct, throughput", stream, "x", Target::at_least, 0.97);
}
