// SPDX-License-Identifier: Apache-2.0
// What the subcommands share: how they are added to the command line and how they end.
#pragma once

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <cstdio>
#include <functional>
#include <optional>

#include "blindbox/net/asio.h"
#include "blindbox/net/connect.h"
#include "blindbox/policy/policy.h"

namespace blindbox::apps {

// Runs when its subcommand was chosen; returns the exit status.
using Action = std::function<int()>;
// Each adds its subcommand and, when it is the chosen one, sets action.
void add_serve(CLI::App& app, Action& action);
void add_connect(CLI::App& app, Action& action);
void add_status(CLI::App& app, Action& action);
void add_ledger(CLI::App& app, Action& action);
void add_verify(CLI::App& app, Action& action);
void add_policy(CLI::App& app, Action& action);
void add_checks(CLI::App& app, Action& action);
void add_complete(CLI::App& app, Action& action);
void add_lsp(CLI::App& app, Action& action);
void add_demo(CLI::App& app, Action& action);
void add_emulator(CLI::App& app, Action& action);
void add_init(CLI::App& app, Action& action);
void add_build(CLI::App& app, Action& action);
void add_push(CLI::App& app, Action& action);
void add_inspect(CLI::App& app, Action& action);
void add_run(CLI::App& app, Action& action);
void add_measure(CLI::App& app, Action& action);
void add_release(CLI::App& app, Action& action);
void add_deploy(CLI::App& app, Action& action);
void add_image(CLI::App& app, Action& action);
void add_version(CLI::App& app, Action& action);
void add_shell_completion(CLI::App& app, Action& action);
void add_model(CLI::App& app, Action& action);
void add_key(CLI::App& app, Action& action);
void add_engine(CLI::App& app, Action& action);

// Prints the error to standard error; its exit status.
int report(const Error& error);

// Runs the coroutine to its end on this thread.
template <typename T>
Result<T> run(boost::asio::io_context& io, net::Task<Result<T>> task);

// SIGINT and SIGTERM, caught as long as this lives: from before there is anything to clean up.
class Signals {
 public:
  explicit Signals(boost::asio::io_context& io);
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;

  // Whether one has come, for whoever waits outside of io.
  [[nodiscard]] bool caught();
  // Runs io until one has come and on_signal's coroutine has ended. The exit status: 0, or that of the second signal,
  // which waits for nothing.
  [[nodiscard]] int run(std::function<net::Task<void>()> on_signal);

 private:
  void wait();
  void begin();
  boost::asio::io_context& io_;
  boost::asio::signal_set set_;
  std::function<net::Task<void>()> on_signal_;
  bool caught_ = false;
  int status_ = 0;
};

Result<policy::Policy> load_policy(const std::string& path);

// What goes between an editor and the proxy is in clear: ErrorKind::usage, beginning with what, for every address that
// another machine could have.
Result<net::HostPort> loopback_only(net::HostPort at, const std::string& what);

// Nobody reads this process's memory from a core file or a debugger.
Result<void> protect_memory();

// As many descriptors as this process may have at all: for servers, and not for the programs that others of our commands
// start, which may be older than such numbers.
void raise_descriptor_limit();

// ErrorKind::usage where hex is no SHA-256 digest.
Result<base::Sha256> parse_sha256(const std::string& hex);

// Where the binary's own model lies, in a build tree or an installation.
std::optional<std::string> embedded_model();

bool is_terminal(std::FILE* stream);

}  // namespace blindbox::apps

#include "command_run.h"
