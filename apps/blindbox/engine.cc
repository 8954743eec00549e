// SPDX-License-Identifier: Apache-2.0
// "blindbox engine": the child that serve starts. Not for the command line by hand.
#include <spdlog/spdlog.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <boost/asio/signal_set.hpp>
#include <boost/asio/steady_timer.hpp>
#include <csignal>

#include "blindbox/api/app.h"
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
  std::string keys;
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

// SIGTERM begins nothing new: a terminal or a service manager sends it to both processes. When the engine ends is the
// gateway's to say, by SIGUSR1, once its answers are finished. SIGHUP reads the key file anew, and so does a change of
// it, looked for every second: a rename, which is how files are replaced, is no event on the file itself.
class Caretaker {
 public:
  Caretaker(boost::asio::io_context& io, api::App& application, std::shared_ptr<keys::KeyRing> keys)
      : io_(io), application_(application), keys_(std::move(keys)), signals_(io, SIGTERM, SIGINT, SIGHUP), timer_(io) {
    signals_.add(SIGUSR1);
    wait_for_signal();
    if (keys_) wait_for_change();
  }

 private:
  void wait_for_signal() {
    signals_.async_wait([this](const net::error_code& error, int number) {
      if (error) return;
      if (number == SIGUSR1) return io_.stop();
      if (number != SIGHUP) application_.drain();
      if (number == SIGHUP && keys_) tell(keys_->reload());
      wait_for_signal();
    });
  }
  void wait_for_change() {
    timer_.expires_after(std::chrono::seconds(1));
    timer_.async_wait([this](const net::error_code& error) {
      if (error) return;
      auto changed = keys_->reload_if_changed();
      if (!changed || *changed) tell(changed ? Result<void>() : Result<void>(base::pass_on(changed)));
      wait_for_change();
    });
  }
  void tell(const Result<void>& loaded) const {
    if (loaded) return spdlog::info("{} API keys count from now on", keys_->size());
    const Error& why = loaded.error();
    spdlog::error("the API keys from before go on to count: {}{}{}", why.what, why.detail.empty() ? "" : ": ",
                  why.detail);
  }

  boost::asio::io_context& io_;
  api::App& application_;
  std::shared_ptr<keys::KeyRing> keys_;
  boost::asio::signal_set signals_;
  boost::asio::steady_timer timer_;
};

int run_engine(const Options& options) {
  // No gateway, no engine.
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  // A terminal's Ctrl-C and a service manager's stop go to both processes; caught below, from when there is something to
  // drain.
  std::signal(SIGINT, SIG_IGN);
  std::signal(SIGTERM, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);
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
  api::AppSettings settings;
  settings.connection_field = gateway::kConnectionField;  // nobody finds another's prompts in the cache
  if (!options.keys.empty()) {
    auto keys = keys::KeyRing::open(options.keys);
    if (!keys) {
      tell_parent(engine_error_line(keys.error()));
      return base::exit_code(keys.error().kind);
    }
    settings.keys = std::move(*keys);
  }
  const auto keys = settings.keys;
  api::App application(std::move(*engine), settings);
  boost::asio::io_context io;
  const Caretaker caretaker(io, application, keys);
  // Far more than run and wait: it is for the engine's queue to refuse, which is fair between tenants, and who leaves a
  // request counts here until its step ends.
  http::Server server(io.get_executor(), kEngineListenFd, application.handler(), {.requests_at_once = 256});
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
  command->add_option("--keys", options->keys);
  command->add_option("--parent", options->parent)->required();
  command->callback([options, &action] { action = [options] { return run_engine(*options); }; });
}

}  // namespace blindbox::apps
