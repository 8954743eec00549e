// SPDX-License-Identifier: Apache-2.0
// "blindbox engine": the child that serve starts. Not for the command line by hand.
#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>

#include "blindbox/completion/app.h"
#include "blindbox/gateway/gateway.h"
#include "blindbox/http/server.h"
#include "command.h"
#include "engine_process.h"

namespace blindbox::apps {
namespace {

struct Options {
  std::string model;
  std::string model_sha256;
  unsigned threads = 0;
  pid_t parent = 0;
};

void tell_parent(const std::string& line) {
  const base::Fd ready(kEngineReadyFd);
  if (::write(ready.get(), line.data(), line.size()) != static_cast<ssize_t>(line.size())) std::_Exit(1);
}

Result<std::unique_ptr<completion::Engine>> load(const Options& options) {
  completion::ModelSource source;
  source.path = options.model;
  source.sealed_memory = kEngineModelFd;
  source.threads = options.threads;
  auto digest = parse_sha256(options.model_sha256);
  if (!digest) return base::pass_on(digest);
  source.expected_sha256 = *digest;
  return completion::Engine::load(source);
}

int run_engine(const Options& options) {
  // No gateway, no engine.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // A terminal's Ctrl-C and a service manager's stop go to both processes. When the engine ends is the gateway's to say,
  // which finishes its answers first.
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGTERM, SIG_IGN);
  if (::getppid() != options.parent) return 1;
  // Prompts are in this memory in clear.
  if (auto kept = protect_memory(); !kept) {
    tell_parent(engine_error_line(kept.error()));
    return base::exit_code(kept.error().kind);
  }
  auto engine = load(options);
  if (!engine) {
    tell_parent(engine_error_line(engine.error()));
    return base::exit_code(engine.error().kind);
  }
  completion::AppSettings settings;
  settings.connection_field = gateway::kConnectionField;  // nobody finds another's prompts in the cache
  completion::App application(std::move(*engine), settings);
  boost::asio::io_context io;
  http::Server server(io.get_executor(), kEngineListenFd, application.handler());
  server.start();
  tell_parent(engine_ready_line(application.model().name, application.model().tokenizer_sha256));
  io.run();
  return 0;
}

}  // namespace

void add_engine(CLI::App& app, Action& action) {
  const auto options = std::make_shared<Options>();
  auto* const command = app.add_subcommand("engine", "internal: started by serve")->group("");
  command->add_option("--model", options->model)->required();
  command->add_option("--model-sha256", options->model_sha256)->required();
  command->add_option("--threads", options->threads);
  command->add_option("--parent", options->parent)->required();
  command->callback([options, &action] { action = [options] { return run_engine(*options); }; });
}

}  // namespace blindbox::apps
