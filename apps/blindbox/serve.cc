// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <spdlog/spdlog.h>

#include <boost/asio/signal_set.hpp>
#include <chrono>
#include <csignal>
#include <filesystem>
#include <nlohmann/json.hpp>

#include "blindbox/attester/attester.h"
#include "blindbox/attester/platform.h"
#ifdef BLINDBOX_HAS_ENGINE
#include "blindbox/completion/model_file.h"
#include "models.h"
#endif
#include "blindbox/gateway/gateway.h"
#include "blindbox/keys/key_file.h"
#include "blindbox/net/connect.h"
#include "blindbox/net/socket_stream.h"
#include "client_policy.h"
#include "command.h"
#include "engine_process.h"
#include "memory_room.h"

namespace blindbox::apps {
namespace {

constexpr std::chrono::seconds kEngineEnd{10};  // far more than it takes, for the sanitizers too

struct Options {
  std::string model;
  std::optional<std::string> model_sha256;
  unsigned threads = 0;
  std::string listen = "0.0.0.0:8443";
  std::string platform = "auto";
  std::string keys;
  bool print_policy = false;
};

evidence::ServiceManifest manifest_for(const evidence::ServiceManifest::Model& model) {
  evidence::ServiceManifest manifest;
  manifest.isolation = {base::sha256({}), "none"};  // this release applies no isolation layers, and says so
  manifest.model = model;
  manifest.padding = {attested_tls::kRecordBlock, "record-block"};
  manifest.software = {"blindbox", BLINDBOX_VERSION};
  return manifest;
}

// One line on a terminal while the model is read and loaded, once that takes long enough to wonder.
class Waiting {
 public:
  void read(std::uint64_t bytes, std::uint64_t total) {
    show(fmt::format("reading the model: {} of {} MiB", bytes >> 20, total >> 20));
  }
  void load() { show("loading the model ..."); }
  Waiting() = default;
  ~Waiting() {
    if (shown_) fmt::print(stderr, "\r\033[K");
  }
  Waiting(const Waiting&) = delete;
  Waiting& operator=(const Waiting&) = delete;

 private:
  void show(const std::string& text) {
    const auto now = std::chrono::steady_clock::now();
    if (!is_terminal(stderr) || now - begun_ < std::chrono::seconds(1) || now - last_ < std::chrono::milliseconds(100))
      return;
    last_ = now;
    shown_ = true;
    fmt::print(stderr, "\r\033[K{} ({} s)", text,
               std::chrono::duration_cast<std::chrono::seconds>(now - begun_).count());
  }
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_;
  bool shown_ = false;
};

#ifdef BLINDBOX_HAS_ENGINE
Result<EngineProcess> start_engine(const Options& options, Signals& signals) {
  Waiting waiting;
  std::optional<base::Sha256> expected;
  if (options.model_sha256) {
    auto digest = parse_sha256(*options.model_sha256);
    if (!digest) return base::pass_on(digest);
    expected = *digest;
  }
  auto located = locate_model(options.model);
  if (!located) return base::pass_on(located);
  if (!expected && located->manifest) {
    auto kept = parse_sha256(located->manifest->sha256);
    if (!kept) return base::pass_on(kept);
    expected = *kept;
  }
  std::error_code absent;  // what opens it says so
  const auto size = std::filesystem::file_size(located->path, absent);
  if (!absent) {
    if (auto room = has_room_for_model(size, memory_room()); !room) return base::pass_on(room);
  }
  auto file = completion::ModelFile::open(
      located->path, expected, [&waiting](std::uint64_t bytes, std::uint64_t total) { waiting.read(bytes, total); });
  if (!file) return base::pass_on(file);
  return EngineProcess::start({located->path, file->fd(), file->digest(), options.threads, options.keys},
                              [&waiting, &signals] {
                                waiting.load();
                                return !signals.caught();
                              });
}
#else
Result<EngineProcess> start_engine(const Options&, Signals&) {
  return base::fail(ErrorKind::model, "this blindbox was built without a completion engine", "",
                    "configure it with -DBLINDBOX_COMPLETION=ON");
}
#endif

int print_policy(attester::Attester& attester, const evidence::ServiceManifest& manifest, bool emulated) {
  auto evidence = attester.attest({});
  if (!evidence) return report(evidence.error());
  auto policy = client_policy(*evidence, manifest, emulated);
  if (!policy) return report(policy.error());
  fmt::print(
      "# Made by \"blindbox serve --print-policy\" from what this server says of itself, unverified. Compare the\n"
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
  // Asked first: it may have ended before the signal was waited for.
  if (std::string how; engine.ended(how)) {
    spdlog::error("the engine ended: {}", how);
    lost = true;
    return io.stop();
  }
  child.async_wait([&](const net::error_code& error, int) {
    if (!error) watch_engine(child, engine, lost, io);
  });
}

// What the engine keeps of a connection's prompts goes with the connection. Where it cannot be told, it wipes what
// nobody has used for a quarter of an hour.
net::Task<void> forget_connection(std::string engine, std::string name) {
  constexpr std::chrono::seconds kPatience{30};
  auto socket = co_await net::connect_unix(std::move(engine));
  if (!socket) co_return;
  net::SocketStream stream(std::move(*socket));
  stream.set_write_deadline(kPatience);
  const http::RequestHead head{
      "DELETE", "/cache", {{"Host", "engine"}, {std::string(gateway::kConnectionField), std::move(name)}}, {}};
  const std::string bytes = http::write_head(head);
  const auto sent = co_await stream.write(base::view(bytes));
  if (!sent) co_return;
  http::ResponseReader answers(stream);
  const auto answer = co_await answers.read_head(kPatience);
  if (!answer || !*answer || (*answer)->status != 200) spdlog::debug("the engine did not forget a connection");
}

// A new key file counts at once; the engine looks at it by itself too.
void pass_on_hangups(boost::asio::signal_set& hangups, const EngineProcess& engine) {
  hangups.async_wait([&hangups, &engine](const net::error_code& error, int) {
    if (error) return;
    engine.send(SIGHUP);
    pass_on_hangups(hangups, engine);
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
  raise_descriptor_limit();
  boost::asio::io_context io(1);
  std::optional<Result<net::Acceptor>> acceptor;
  if (!options.print_policy) {
    acceptor.emplace(net::listen_tcp(io.get_executor(), *at));
    if (!*acceptor) return report(acceptor->error());
  }
  // Asked once now: a device that fails is told before gigabytes of a model are read.
  if (auto probe = (*attester)->attest({}); !probe) return report(probe.error());
  if (!options.keys.empty()) {
    if (auto keys = keys::load_key_file(options.keys); !keys) return report(keys.error());
  }
  Signals signals(io);
  boost::asio::signal_set hangups(io);
  if (!options.keys.empty()) hangups.add(SIGHUP);  // otherwise a closed terminal ends the server, as ever
  auto engine = start_engine(options, signals);
  if (!engine) return report(engine.error());
  if (auto kept = protect_memory(); !kept) return report(kept.error());
  const auto manifest = manifest_for(engine->model());
  if (options.print_policy) return print_policy(**attester, manifest, emulated);

  const std::string encoded = evidence::encode_manifest(manifest);
  attested_tls::Responder responder(
      io.get_executor(), [&attester](const ByteArray<64>& data) { return (*attester)->attest(data); },
      base::to_bytes(base::view(encoded)));
  gateway::Gateway gateway(std::move(**acceptor), responder,
                           [path = engine->socket_path()] { return net::connect_unix(path); }, {});
  if (options.keys.empty()) {  // otherwise a tenant is whoever holds its key, on any connection
    gateway.tell_connection_ended(
        [path = engine->socket_path()](std::string name) { return forget_connection(path, std::move(name)); });
  }
  if (auto started = gateway.start(); !started) return report(started.error());
  if (emulated) fmt::print("*** EMULATED, NOT A TEE: whoever runs this machine can read everything ***\n");
  fmt::print("model {} (sha256 {})\nevidence from {}\nready: https://{}\n", manifest.model.id,
             base::to_hex(manifest.model.sha256), (*attester)->description(),
             net::HostPort{at->host, gateway.port()}.text());
  std::fflush(stdout);
  boost::asio::signal_set child(io, SIGCHLD);
  bool lost = false;
  watch_engine(child, *engine, lost, io);
  if (!options.keys.empty()) pass_on_hangups(hangups, *engine);
  const int status = signals.run([&gateway, &engine] {
    engine->send(SIGTERM);  // requests that come on connections which are open already are told to come again
    return gateway.drain(std::chrono::seconds(30));
  });
  // After a second signal nobody waits for the engine either.
  if (!lost && status == 0) {
    if (auto ended = engine->finish(kEngineEnd); !ended) spdlog::error(ended.error().what);
  }
  print_stats(gateway, responder);
  return lost ? base::exit_code(ErrorKind::model) : status;
}

}  // namespace

void add_serve(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand(
      "serve", "serve a model from inside the confidential guest; on exit its counters are one line of JSON");
  command->add_option("--model", options->model, "the model: a GGUF file, or a name of \"blindbox model\"")
      ->type_name("MODEL")
      ->required();
  // An empty digest is a wrong one: a script's unset variable must not switch the check off.
  command
      ->add_option_function<std::string>(
          "--model-sha256", [options](const std::string& hex) { options->model_sha256 = hex; },
          "refuse any other file, before it is parsed")
      ->type_name("HEX");
  command->add_option("--listen", options->listen, "where clients connect; port 0 takes a free one")
      ->type_name("ADDR:PORT")
      ->capture_default_str();
  command
      ->add_option("--platform", options->platform,
                   "whom to ask for evidence: auto, sev-guest[:PATH], tsm[:DIR], azure[:DIR], or emulator:DIR, which\n"
                   "auto never chooses")
      ->capture_default_str();
  command->add_option("--threads", options->threads, "of the engine; 0: one less than the machine has")
      ->capture_default_str();
  command
      ->add_option("--keys", options->keys,
                   "answer only to the API keys in this file (see \"blindbox key\"); read anew when it changes")
      ->type_name("FILE");
  command->add_flag("--print-policy", options->print_policy, "print the policy.yml that accepts this server, and exit");
  command->callback([options, &action] { action = [options] { return serve(*options); }; });
}

}  // namespace blindbox::apps
