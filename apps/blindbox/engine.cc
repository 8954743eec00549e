// SPDX-License-Identifier: Apache-2.0
// "blindbox engine": the child that serve starts. Not for the command line by hand.
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>

#include "blindbox/completion/app.h"
#include "blindbox/http/server.h"
#include "command.h"
#include "engine_process.h"

namespace blindbox::apps {
namespace {

struct Options {
  EngineOptions engine;
  pid_t parent = 0;
};

void tell_parent(const std::string& line) {
  const base::Fd ready(kEngineReadyFd);
  if (::write(ready.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::_Exit(1);
}

Result<base::Sha256> parse_digest(const std::string& hex) {
  auto bytes = base::from_hex(hex);
  base::Sha256 digest{};
  if (!bytes || bytes->size() != digest.size()) {
    return base::fail(ErrorKind::usage, "not a SHA-256 digest: " + hex, "", "64 hexadecimal digits, as sha256sum prints them");
  }
  std::copy(bytes->begin(), bytes->end(), digest.begin());
  return digest;
}

Result<std::unique_ptr<completion::Engine>> load(const EngineOptions& options) {
  completion::ModelSource source{options.model, std::nullopt, options.threads};
  if (!options.model_sha256.empty()) {
    auto digest = parse_digest(options.model_sha256);
    if (!digest) return base::pass_on(digest);
    source.expected_sha256 = *digest;
  }
  return completion::Engine::load(source);
}

evidence::ServiceManifest::Model manifest_of(const completion::ModelInfo& info) {
  evidence::ServiceManifest::Model model{info.name, {}, {}};
  model.sha256 = parse_digest(info.sha256).value_or(base::Sha256{});
  model.tokenizer_sha256 = parse_digest(info.tokenizer_sha256).value_or(base::Sha256{});
  return model;
}

int run_engine(const Options& options) {
  // No gateway, no engine; and no way to gain rights that this process did not begin with.
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  ::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
  if (::getppid() != options.parent) return 1;
  auto engine = load(options.engine);
  if (!engine) {
    tell_parent(engine_error_line(engine.error()));
    return base::exit_code(engine.error().kind);
  }
  completion::App application(std::move(*engine));
  boost::asio::io_context io;
  http::Server server(io.get_executor(), kEngineListenFd, application.handler());
  server.start();
  tell_parent(engine_ready_line(manifest_of(application.model())));
  run_until_signal(io, [&server]() -> net::Task<void> {
    server.stop();
    co_return;
  });
  return 0;
}

}  // namespace

void add_engine(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand("engine", "internal: started by serve")->group("");
  command->add_option("--model", options->engine.model)->required();
  command->add_option("--model-sha256", options->engine.model_sha256);
  command->add_option("--threads", options->engine.threads);
  command->add_option("--parent", options->parent)->required();
  command->callback([options, &action] { action = [options] { return run_engine(*options); }; });
}

}  // namespace blindbox::apps
