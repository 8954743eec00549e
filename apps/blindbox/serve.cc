// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <sys/resource.h>

#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>

#include "blindbox/attester/attester.h"
#include "blindbox/attester/platform.h"
#include "blindbox/gateway/gateway.h"
#include "blindbox/net/connect.h"
#include "client_policy.h"
#include "command.h"
#include "engine_process.h"

namespace blindbox::apps {
namespace {

struct Options {
  EngineOptions engine;
  std::string listen = "0.0.0.0:8443";
  std::string platform = "auto";
  bool print_policy = false;
};

// Nobody reads this process's memory from a core file or a debugger.
Result<void> protect_memory() {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0 || ::prctl(PR_SET_DUMPABLE, 0) != 0 || ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
    return base::fail(ErrorKind::platform, "this process cannot be made undumpable");
  }
  return {};
}

evidence::ServiceManifest manifest_for(const evidence::ServiceManifest::Model& model) {
  evidence::ServiceManifest manifest;
  manifest.isolation = {base::sha256({}), "none"};  // this release applies no isolation layers, and says so
  manifest.model = model;
  manifest.padding = {attested_tls::kRecordBlock, "record-block"};
  manifest.software = {"blindbox", BLINDBOX_VERSION};
  return manifest;
}

class Waiting {
 public:
  explicit Waiting(std::string model) : model_(std::move(model)) {}
  // Shown on a terminal once it takes long enough to wonder.
  void tick() {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(std::chrono::steady_clock::now() - begun_).count();
    if (seconds >= 1 && is_terminal(stderr)) fmt::print(stderr, "\rloading {} ... {} s ", model_, seconds);
    shown_ = shown_ || seconds >= 1;
  }
  ~Waiting() {
    if (shown_ && is_terminal(stderr)) fmt::print(stderr, "\r\033[K");
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  std::string model_;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  bool shown_ = false;
};

Result<EngineProcess> start_engine(const EngineOptions& options) {
  Waiting waiting(options.model);
  return EngineProcess::start(options, [&waiting] { waiting.tick(); });
}

int print_policy(attester::Attester& attester, const evidence::ServiceManifest& manifest, bool emulated) {
  auto evidence = attester.attest({});
  if (!evidence) return report(evidence.error());
  auto policy = client_policy(*evidence, manifest, emulated);
  if (!policy) return report(policy.error());
  fmt::print("# Made by \"blindbox serve --print-policy\" from what this server says of itself, unverified. Compare the\n"
             "# measurement with the one that you expect before you hand this to clients, over a channel of your own.\n{}",
             policy::write_policy(*policy));
  return 0;
}

void print_stats(const gateway::Gateway& gateway, const attested_tls::Responder& responder) {
  const gateway::Stats stats = gateway.stats();
  const nlohmann::json line = {{"connections", stats.connections},
                               {"challenges", stats.challenges},
                               {"device_calls", responder.device_calls()},
                               {"requests", stats.requests},
                               {"application_bytes", stats.application_bytes}};
  fmt::print("{}\n", line.dump());
  std::fflush(stdout);
}

// The engine is this process's only child; without it there is nothing to serve.
void watch_engine(boost::asio::signal_set& child, EngineProcess& engine, bool& lost, boost::asio::io_context& io) {
  child.async_wait([&](const net::error_code& error, int) {
    if (error) return;
    std::string how;
    if (!engine.ended(how)) return watch_engine(child, engine, lost, io);
    spdlog::error("the engine ended: {}", how);
    lost = true;
    io.stop();
  });
}

int serve(const Options& options) {
  auto at = net::parse_host_port(options.listen);
  auto platform = attester::parse_platform(options.platform);
  if (!at || !platform) return report(at ? platform.error() : at.error());
  const bool emulated = platform->kind == attester::Platform::Kind::emulator ||
                        platform->kind == attester::Platform::Kind::emulator_ioctl;
  auto attester = attester::open_attester(*platform);
  if (!attester) return report(attester.error());
  boost::asio::io_context io(1);
  std::optional<Result<net::Acceptor>> acceptor;
  if (!options.print_policy) {
    acceptor.emplace(net::listen_tcp(io.get_executor(), *at));
    if (!*acceptor) return report(acceptor->error());
  }
  auto engine = start_engine(options.engine);
  if (!engine) return report(engine.error());
  if (auto kept = protect_memory(); !kept) return report(kept.error());
  const auto manifest = manifest_for(engine->model());
  if (options.print_policy) return print_policy(**attester, manifest, emulated);

  const std::string encoded = evidence::encode_manifest(manifest);
  attested_tls::Responder responder(
      io.get_executor(), [&attester](const ByteArray<64>& data) { return (*attester)->attest(data); },
      base::to_bytes(base::view(encoded)));
  gateway::Gateway gateway(
      std::move(**acceptor), responder, [path = engine->socket_path()] { return net::connect_unix(path); }, {});
  if (auto started = gateway.start(); !started) return report(started.error());
  if (emulated) fmt::print("*** EMULATED, NOT A TEE: whoever runs this machine can read everything ***\n");
  fmt::print("model {} (sha256 {})\nevidence from {}\nready: https://{}\n", manifest.model.id,
             base::to_hex(manifest.model.sha256), (*attester)->description(), net::HostPort{at->host, gateway.port()}.text());
  std::fflush(stdout);
  boost::asio::signal_set child(io, SIGCHLD);
  bool lost = false;
  watch_engine(child, *engine, lost, io);
  run_until_signal(io, [&gateway] { return gateway.drain(std::chrono::seconds(30)); });
  print_stats(gateway, responder);
  return lost ? base::exit_code(ErrorKind::model) : 0;
}

}  // namespace

void add_serve(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand(
      "serve", "serve a model from inside the confidential guest; on exit its counters are one line of JSON");
  command->add_option("--model", options->engine.model, "the model, a GGUF file")->type_name("FILE")->required();
  command->add_option("--model-sha256", options->engine.model_sha256, "refuse any other file, before it is parsed")->type_name("HEX");
  command->add_option("--listen", options->listen, "where clients connect; port 0 takes a free one")
      ->type_name("ADDR:PORT")->capture_default_str();
  command->add_option("--platform", options->platform,
                      "whom to ask for evidence: auto, sev-guest[:PATH], tsm[:DIR], azure[:DIR], or emulator:DIR, which\n"
                      "auto never chooses")
      ->capture_default_str();
  command->add_option("--threads", options->engine.threads, "of the engine; 0: one less than the machine has")->capture_default_str();
  command->add_flag("--print-policy", options->print_policy, "print the policy.yml that accepts this server, and exit");
  command->callback([options, &action] { action = [options] { return serve(*options); }; });
}

}  // namespace blindbox::apps
