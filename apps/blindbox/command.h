// SPDX-License-Identifier: Apache-2.0
// What the subcommands share: how they are added to the command line and how they end.
#pragma once

#include <CLI/CLI.hpp>
#include <boost/asio/io_context.hpp>
#include <cstdio>
#include <functional>
#include <optional>

#include "blindbox/net/asio.h"
#include "blindbox/policy/policy.h"

namespace blindbox::apps {

// Runs when its subcommand was chosen; returns the exit status.
using Action = std::function<int()>;
// Each adds its subcommand and, when it is the chosen one, sets action.
void add_serve(CLI::App& app, Action& action);
void add_connect(CLI::App& app, Action& action);
void add_verify(CLI::App& app, Action& action);
void add_complete(CLI::App& app, Action& action);
void add_demo(CLI::App& app, Action& action);
void add_emulator(CLI::App& app, Action& action);
void add_version(CLI::App& app, Action& action);
void add_shell_completion(CLI::App& app, Action& action);
void add_engine(CLI::App& app, Action& action);

// Prints the error to standard error; its exit status.
int report(const Error& error);

// Runs the coroutine to its end on this thread.
template <typename T>
Result<T> run(boost::asio::io_context& io, net::Task<Result<T>> task);

// Runs until SIGINT or SIGTERM has come and on_signal's coroutine has ended. A second signal ends at once.
void run_until_signal(boost::asio::io_context& io, std::function<net::Task<void>()> on_signal);

Result<policy::Policy> load_policy(const std::string& path);

// ErrorKind::usage where hex is no SHA-256 digest.
Result<base::Sha256> parse_sha256(const std::string& hex);

// Where the binary's own model lies, in a build tree or an installation.
std::optional<std::string> embedded_model();

bool is_terminal(std::FILE* stream);

}  // namespace blindbox::apps

#include "command_run.h"
