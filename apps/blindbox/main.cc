// SPDX-License-Identifier: Apache-2.0
// blindbox: one binary for both sides. See blindbox(1).
#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <cctype>
#include <csignal>

#include "command.h"

namespace {

// CLI11's messages in the form of ours: a sentence begins in lower case, a name like URL or --model keeps its spelling.
blindbox::Error usage(std::string what) {
  const auto letter = [&what](std::size_t at) { return static_cast<unsigned char>(what[at]); };
  if (what.size() > 1 && std::islower(letter(1)) != 0) what.front() = static_cast<char>(std::tolower(letter(0)));
  return {blindbox::ErrorKind::usage, std::move(what), "", "see \"blindbox --help\" and \"blindbox COMMAND --help\""};
}

}  // namespace

int main(int argc, char** argv) {
  using namespace blindbox;
  std::signal(SIGPIPE, SIG_IGN);
  spdlog::set_default_logger(spdlog::stderr_color_mt("blindbox"));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S%z %l %v");

  CLI::App app("private code completion from an attested enclave", "blindbox");
  app.footer(
      "Exit status: 0 success, 2 usage, 3 malformed, 4 refused, 5 network, 6 protocol, 7 policy, 8 model,\n"
      "9 platform, 10 io, 11 limit, 12 cancelled, 1 a fault of blindbox itself. The manual is blindbox(1).");
  // None is told below: CLI11 would say so of a misspelt one too, without naming it.
  app.require_subcommand(0, 1);
  bool verbose = false;
  app.add_flag("-v,--verbose", verbose, "log more; never code, keys or prompts");
  app.set_version_flag("--version", "blindbox " BLINDBOX_VERSION);

  apps::Action action;
  for (const auto& add : {apps::add_serve, apps::add_connect, apps::add_verify, apps::add_complete, apps::add_demo,
                          apps::add_emulator, apps::add_version, apps::add_shell_completion, apps::add_engine}) {
    add(app, action);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    if (error.get_exit_code() == 0) return app.exit(error);  // --help and --version
    return apps::report(usage(error.what()));
  }
  if (!action) return apps::report(usage("no command was given"));
  spdlog::set_level(verbose ? spdlog::level::debug : spdlog::level::info);
  // Third-party code may throw where memory or descriptors run out: say so instead of aborting.
  try {
    return action();
  } catch (const std::exception& error) {
    return apps::report({ErrorKind::internal, error.what(), "", ""});
  }
}
