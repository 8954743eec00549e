// SPDX-License-Identifier: Apache-2.0
// What the proxy adds as a developer has it: 1 to 64 editors at once, the scan and the ledger on, whole answers and streamed
// ones, beside the same clients straight to the application; the scan alone; and memory over 100,000 requests. The
// application, the gateway, the proxy and all clients have a thread each and share this machine's cores.
#include <fmt/format.h>

#include <atomic>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <filesystem>
#include <fstream>

#include "blindbox/gateway/gateway.h"
#include "blindbox/http/testing.h"
#include "blindbox/proxy/proxy.h"
#include "measure.h"
#include "rig.h"

namespace blindbox::bench {
namespace {

using http::Request;
using http::ResponseSink;
using net::Task;

constexpr int kEvents = 32;
// Of a streamed answer: a model works meanwhile, elsewhere. So it keeps its pace by the clock, on both sides: one that
// waited after each event would be slowed down by what relays on its two cores, and the relay blamed for it again.
constexpr std::chrono::milliseconds kPace{10};

void handle(const Request& request, ResponseSink& sink, const std::stop_token&) {
  if (request.target != "/stream") return sink.respond({200, "application/json", "{\"content\":\"x\"}", {}});
  sink.begin_stream(200, "text/event-stream");
  auto due = std::chrono::steady_clock::now();
  for (int i = 0; i < kEvents; ++i) {
    std::this_thread::sleep_until(due += kPace);
    if (!sink.write("data: {\"content\": \" token\", \"stop\": false}\n\n")) return;
  }
  sink.end();
}

// Like an editor's: code around a hole, and neighbours; about 8 KiB.
std::string infill_body() {
  std::string code;
  for (int i = 0; code.size() < 7500; ++i) {
    code += fmt::format("def function_{}(key, token):\\n    return lookup(key, token=token)[{}]\\n\\n", i, i);
  }
  return "{\"input_prefix\":\"" + code + "\",\"input_suffix\":\"\\n\",\"n_predict\":32}";
}

std::string post(const std::string& target, const std::string& body) {
  return "POST " + target + " HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: " +
         std::to_string(body.size()) + "\r\n\r\n" + body;
}

class Rig {
 public:
  Rig() {
    app_.emplace(app_loop_.context(), handle, http::ServerLimits{256});
    responder_.emplace(gateway_loop_.executor(), device_.source(), manifest());
    const net::HostPort application{"127.0.0.1", app_->port()};
    gateway_.emplace(
        take(net::listen_tcp(gateway_loop_.executor(), {"127.0.0.1", 0})), *responder_,
        [application] { return net::connect_tcp(application, kPatience); }, gateway::Limits{});
    require(gateway_->start().has_value(), "the gateway does not start");
    proxy::PoolOptions pool;
    pool.server = {"127.0.0.1", gateway_->port()};
    pool.policy = policy_for(device_);
    pool.keep = 64;
    proxy::Options options;
    options.servers.push_back({"bench", "https://bench", take(proxy::Pool::make(std::move(pool), {}))});
    options.scan = scan::Mode::warn;
    options.ignore = std::make_shared<scan::IgnoreList>(std::vector<std::string>{}, std::vector<std::string>{});
    options.ledger_folder = folder_;
    ledger::WriterOptions writer;
    writer.folder = folder_;
    options.ledger = std::make_shared<ledger::Writer>(take(ledger::Writer::open(writer)));
    proxy_.emplace(take(net::listen_tcp(proxy_loop_.executor(), {"127.0.0.1", 0})), std::move(options));
    proxy_->start();
    for (Loop* loop : {&app_loop_, &gateway_loop_, &proxy_loop_}) loop->start();
  }
  ~Rig() {
    proxy_loop_.finish([this] { proxy_.reset(); });
    gateway_loop_.finish([this] { gateway_.reset(); });
    app_loop_.finish([this] { app_.reset(); });
    std::filesystem::remove_all(folder_);
  }
  [[nodiscard]] std::uint16_t direct() const { return app_->port(); }
  [[nodiscard]] std::uint16_t relayed() const { return proxy_->port(); }

 private:
  const std::string folder_ =
      (std::filesystem::temp_directory_path() / ("blindbox-bench-" + std::to_string(::getpid()))).string();
  Device device_;
  Loop app_loop_, gateway_loop_, proxy_loop_;
  std::optional<http::testing::Application> app_;
  std::optional<attested_tls::Responder> responder_;
  std::optional<gateway::Gateway> gateway_;
  std::optional<proxy::Proxy> proxy_;
};

// One editor: a connection kept, one request after the other.
Task<void> ask(std::uint16_t port, const std::string& request, int times, std::vector<double>& latencies) {
  const net::HostPort server{"127.0.0.1", port};  // a name of its own: g++ 12 frees a temporary of a co_await twice
  net::SocketStream stream(take(co_await net::connect_tcp(server, kPatience)));
  http::ResponseReader reader(stream);
  for (int i = 0; i < times; ++i) {
    const double start = wall_ms();
    const auto put = co_await stream.write(base::view(request));
    require(put.has_value(), "a request cannot be sent");
    const auto head = co_await reader.read_head(kPatience);
    require(head && *head && (*head)->status == 200, "a request was not answered");
    const auto body = co_await reader.read_whole_body(std::size_t{1} << 20);
    require(body.has_value(), "an answer broke off");
    latencies.push_back(wall_ms() - start);
  }
}

struct Load {
  double p50 = 0, p99 = 0, rate = 0;  // ms, ms, requests a second
  double cpu = 0;                     // ms a request, of every thread of the way: on a busy machine the steadiest
};

Load run_load(std::uint16_t port, const std::string& request, int clients, int times) {
  net::asio::io_context loop;
  std::vector<double> latencies;
  for (int i = 0; i < clients; ++i) {
    net::asio::co_spawn(loop, ask(port, request, times, latencies), net::asio::detached);
  }
  const double start = wall_ms(), cpu = process_cpu_ms();
  loop.run();
  const double took = wall_ms() - start;
  const auto count = static_cast<double>(latencies.size());
  return {median(latencies), percentile(latencies, 99), count * 1000 / took, (process_cpu_ms() - cpu) / count};
}

struct Compared {
  double added = 0;  // ms at p50, one client
  double ratio = 1;  // throughput, the worst of all numbers of clients
};

Compared compare(const Rig& rig, const char* what, const std::string& request, int requests) {
  fmt::print("{}\n", what);
  Compared out;
  for (const int clients : {1, 4, 16, 64}) {
    const int times = std::max(requests / clients, 3);
    (void)run_load(rig.relayed(), request, clients, 1);  // connections are made before anything is timed
    std::vector<double> ratios, added;
    Load direct, relayed;
    for (int round = 0; round < 3; ++round) {
      direct = run_load(rig.direct(), request, clients, times);
      relayed = run_load(rig.relayed(), request, clients, times);
      ratios.push_back(relayed.rate / direct.rate);
      added.push_back(relayed.p50 - direct.p50);
    }
    fmt::print(
        "  {:2} clients: direct p50 {:8.3f} p99 {:8.3f} ms {:7.0f}/s CPU {:6.3f} ms; proxy p50 {:8.3f} p99 {:8.3f} ms "
        "{:7.0f}/s CPU {:6.3f} ms; {:.2f} x\n",
        clients, direct.p50, direct.p99, direct.rate, direct.cpu, relayed.p50, relayed.p99, relayed.rate, relayed.cpu,
        median(ratios));
    (void)std::fflush(stdout);
    if (clients == 1) out.added = median(added);
    out.ratio = std::min(out.ratio, median(ratios));
  }
  return out;
}

double resident_mib() {
  std::ifstream status("/proc/self/statm");
  std::size_t total = 0, resident = 0;
  status >> total >> resident;
  return static_cast<double>(resident) * static_cast<double>(::sysconf(_SC_PAGESIZE)) / (1024 * 1024);
}

void measure_scan() {
  scan::IgnoreList none({}, {});
  for (const std::size_t repeat : {1U, 8U, 64U}) {
    std::string body = "[";
    for (std::size_t i = 0; i < repeat; ++i) {
      if (i > 0) body += ',';
      body += infill_body();
    }
    body += "]";
    std::vector<double> times;
    for (int i = 0; i < 30; ++i) {
      const double start = thread_cpu_ms();
      (void)scan::scan_body(body, "", scan::Mode::warn, scan::Rules::built_in(), none);
      times.push_back(thread_cpu_ms() - start);
    }
    fmt::print("  scan of {:7} bytes: {:.3f} ms, {:.0f} MiB/s\n", body.size(), median(times),
               static_cast<double>(body.size()) / 1048.576 / median(times));
  }
}

}  // namespace
}  // namespace blindbox::bench

// Usage: bench_proxy [REQUESTS], of the part that watches memory.
int main(int argc, char** argv) {
  using namespace blindbox::bench;
  const int many = argc > 1 ? std::atoi(argv[1]) : 100000;
  require(many >= 1000, "REQUESTS must be 1,000 or more");
  fmt::print("the scan alone\n");
  measure_scan();
  Rig rig;
  const std::string small = post("/infill", infill_body()), stream = post("/stream", infill_body());
  const Compared whole = compare(rig, "an infill request of 8 KiB, answered at once", small, 1000);
  const Compared streamed = compare(rig, "the same, streamed: 32 events in 320 ms", stream, 16);
  (void)run_load(rig.relayed(), small, 16, many / 160);
  const double before = resident_mib();
  (void)run_load(rig.relayed(), small, 16, many / 16);
  const double after = resident_mib();
  fmt::print("memory of all parties: {:.1f} MiB, {:.1f} MiB after {} requests more\n", before, after, many);
  fmt::print("an answer that costs nothing, throughput of the worst number of clients: {:.2f} x (no target)\n",
             whole.ratio);
  closing_line(fmt::format("memory over {} requests", many), after - before, "MiB", Target::at_most, 4);
  closing_line("proxy beyond direct, one client, p50", whole.added, "ms", Target::at_most, 1);
  closing_line("streamed answers through the proxy / direct, throughput", streamed.ratio, "x", Target::at_least, 0.97);
}
